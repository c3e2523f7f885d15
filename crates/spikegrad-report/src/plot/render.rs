//! Pictures to files: the format by the file's name, the font from this program.
//!
//! plotters works on whole pixels, so a picture is drawn on a grid of [`GRID`] to a point. The SVG
//! says so in its header; in the PNG, squares of grid pixels are averaged, which smooths every
//! edge.
//!
//! plotters' back ends differ in what they call the size of a font, in where they put a baseline,
//! and in what they draw well; [`Dialect`] knows, so that both formats show the same picture.
//!
//! Not here: what is drawn (`picture.rs`).

use std::path::Path;

use plotters::backend::{BitMapBackend, DrawingBackend, SVGBackend};
use plotters::coord::Shift;
use plotters::drawing::{DrawingArea, DrawingAreaErrorKind, IntoDrawingArea};
use plotters::element::{Circle, PathElement, Rectangle, Text};
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{Color, FontTransform, ShapeStyle};

use super::font::{self, Setting};
use super::palette::WHITE;
use super::picture::{Align, Picture, Position, Shape, TextStyle};
use crate::{ReportError, write_beside};

/// Grid pixels to a point, in each direction.
const GRID: u32 = 4;

/// Pixels of the PNG to a point, in each direction: sharp on dense screens and in print.
const PNG_PIXELS: u32 = 2;

/// A format, and what is particular about plotters' back end for it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Dialect {
    Svg,
    /// Letters are set one by one (see `font.rs`), and lines drawn piece by piece: the outline that
    /// would be filled has holes where a line turns back on itself, as a voltage does at a reset.
    Bitmap,
}

impl Dialect {
    /// What the back end calls the size of a font whose em is 1.
    fn size_per_em(self) -> f64 {
        match self {
            Self::Svg => 1.24,
            Self::Bitmap => font::ASCENT_AND_DESCENT,
        }
    }

    /// How far below the position of a text the back end puts its baseline, in em.
    fn baseline(self) -> f64 {
        match self {
            Self::Svg => 0.76,
            Self::Bitmap => 0.5 * font::ASCENT_AND_DESCENT,
        }
    }
}

impl Picture {
    /// Writes the picture to `path`, which must end in `.svg` or `.png`.
    pub(super) fn save(&self, path: &Path) -> Result<(), ReportError> {
        let extension = path.extension().and_then(|extension| extension.to_str());
        let bytes = match extension.map(str::to_ascii_lowercase).as_deref() {
            Some("svg") => self.to_svg()?.into_bytes(),
            Some("png") => self.to_png()?,
            _ => return Err(ReportError::FigureFormat { path: path.to_path_buf() }),
        };
        write_beside(path, &bytes)
    }

    /// Extent on the grid.
    fn grid_size(&self) -> (u32, u32) {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "pictures are some hundred points wide"
        )]
        let size = |points: f64| points.ceil() as u32 * GRID;
        (size(self.width), size(self.height))
    }

    /// Returns the picture as an SVG without any `id`, so that many can stand on one page.
    pub(super) fn to_svg(&self) -> Result<String, ReportError> {
        let (width, height) = self.grid_size();
        let mut svg = String::new();
        draw(self, SVGBackend::with_string(&mut svg, (width, height)), Dialect::Svg)?;
        // The grid stays in the view box; the size on the page is in points.
        let on_grid = format!("width=\"{width}\" height=\"{height}\"");
        let on_page = format!("width=\"{}\" height=\"{}\"", width / GRID, height / GRID);
        Ok(svg.replacen(&on_grid, &on_page, 1))
    }

    fn to_png(&self) -> Result<Vec<u8>, ReportError> {
        let (width, height) = self.grid_size();
        let mut grid = vec![0; width as usize * height as usize * 3];
        draw(self, BitMapBackend::with_buffer(&mut grid, (width, height)), Dialect::Bitmap)?;

        const SQUARE: u32 = GRID / PNG_PIXELS;
        let mut png = Vec::new();
        let mut encoder = png::Encoder::new(&mut png, width / SQUARE, height / SQUARE);
        encoder.set_color(png::ColorType::Rgb);
        let mut writer = encoder.write_header().map_err(ReportError::drawing)?;
        writer
            .write_image_data(&average(&grid, width as usize, SQUARE as usize))
            .map_err(ReportError::drawing)?;
        writer.finish().map_err(ReportError::drawing)?;
        Ok(png)
    }
}

/// Replaces every square of `side` × `side` RGB pixels by its mean.
fn average(pixels: &[u8], width: usize, side: usize) -> Vec<u8> {
    let row = 3 * width;
    let mut averaged = Vec::with_capacity(pixels.len() / (side * side));
    for rows in pixels.chunks_exact(row * side) {
        for left in (0..row).step_by(3 * side) {
            for channel in left..left + 3 {
                let square = (0..side * side).map(|k| k / side * row + channel + k % side * 3);
                let sum: usize = square.map(|index| usize::from(rows[index])).sum();
                #[expect(clippy::cast_possible_truncation, reason = "a mean of bytes is a byte")]
                averaged.push((sum / (side * side)) as u8);
            }
        }
    }
    averaged
}

/// The nearest grid point.
fn on_grid((x, y): Position) -> (i32, i32) {
    #[expect(clippy::cast_possible_truncation, reason = "the cast saturates, far off the sheet")]
    let round = |points: f64| (points * f64::from(GRID)).round() as i32;
    (round(x), round(y))
}

/// A length on the grid that does not vanish.
fn grid_length(points: f64) -> u32 {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "widths and radii are a few points; the cast saturates"
    )]
    let length = (points * f64::from(GRID)).round() as u32;
    length.max(1)
}

fn draw<B>(picture: &Picture, backend: B, dialect: Dialect) -> Result<(), ReportError>
where
    B: DrawingBackend,
    B::ErrorType: 'static,
{
    let sheet = backend.into_drawing_area();
    sheet.fill(&WHITE).map_err(ReportError::drawing)?;
    for shape in &picture.shapes {
        match shape {
            Shape::Rectangle { upper_left, lower_right, colour } => {
                let corners = [on_grid(*upper_left), on_grid(*lower_right)];
                sheet.draw(&Rectangle::new(corners, colour.filled()))
            }
            Shape::Disc { centre, radius, colour } => {
                let radius = grid_length(*radius);
                sheet.draw(&Circle::new(on_grid(*centre), radius, colour.filled()))
            }
            Shape::Line { points, width, colour } => {
                draw_line(points, colour.stroke_width(grid_length(*width)), &sheet, dialect)
            }
            Shape::Text { text, position, style } => {
                draw_text(text, *position, *style, &sheet, dialect)?;
                Ok(())
            }
        }
        .map_err(ReportError::drawing)?;
    }
    sheet.present().map_err(ReportError::drawing)
}

fn draw_line<B: DrawingBackend>(
    points: &[Position],
    style: ShapeStyle,
    sheet: &DrawingArea<B, Shift>,
    dialect: Dialect,
) -> Result<(), DrawingAreaErrorKind<B::ErrorType>> {
    let mut points: Vec<(i32, i32)> = points.iter().copied().map(on_grid).collect();
    points.dedup();
    if dialect == Dialect::Svg {
        return sheet.draw(&PathElement::new(points, style));
    }
    for pair in points.windows(2) {
        sheet.draw(&PathElement::new(pair, style))?;
    }
    // A disc at every corner joins the pieces.
    let corners = points.get(1..points.len().saturating_sub(1)).unwrap_or_default();
    for &corner in corners {
        sheet.draw(&Circle::new(corner, style.stroke_width / 2, style.filled()))?;
    }
    Ok(())
}

fn draw_text<B>(
    text: &str,
    (x, y): Position,
    style: TextStyle,
    sheet: &DrawingArea<B, Shift>,
    dialect: Dialect,
) -> Result<(), ReportError>
where
    B: DrawingBackend,
    B::ErrorType: 'static,
{
    let pixels = f64::from(GRID);
    let above = dialect.baseline() * style.size;
    // The place that is `along` pixels further on the line of text.
    let place = |along: f64| match style.upwards {
        true => on_grid((x - above, y - along / pixels)),
        false => on_grid((x + along / pixels, y - above)),
    };
    let transform = if style.upwards { FontTransform::Rotate270 } else { FontTransform::None };
    let font = font::description(style.bold, style.size * pixels * dialect.size_per_em());
    let look = font.transform(transform).color(&style.colour);
    let put = |text: &str, along: f64, align: HPos| {
        let look = look.pos(Pos::new(align, VPos::Top));
        sheet.draw(&Text::new(text, place(along), look)).map_err(ReportError::drawing)
    };
    match dialect {
        Dialect::Svg => {
            let align = match style.align {
                Align::Start => HPos::Left,
                Align::Middle => HPos::Center,
                Align::End => HPos::Right,
            };
            put(text, 0.0, align)
        }
        Dialect::Bitmap => {
            let Setting { letters, width } = font::set(text, style, pixels)?;
            let start = match style.align {
                Align::Start => 0.0,
                Align::Middle => -width / 2.0,
                Align::End => -width,
            };
            let mut buffer = [0; 4];
            letters.into_iter().try_for_each(|(letter, along)| {
                put(letter.encode_utf8(&mut buffer), start + along, HPos::Left)
            })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::palette::{BLUE, INK};
    use super::super::picture::NORMAL;
    use super::*;

    /// One of everything on a sheet of 20 by 10 points.
    fn picture() -> Picture {
        let mut picture = Picture::new(20.0, 10.0);
        picture.rectangle((0.0, 0.0), (5.0, 10.0), BLUE);
        picture.disc((10.0, 5.0), 2.0, INK);
        picture.line(vec![(5.0, 0.0), (5.0, 10.0), (5.0, 0.0)], 1.0, INK);
        picture.text("A\u{1}é", (15.0, 9.0), NORMAL.align(Align::Middle).upwards());
        picture.text("b", (f64::MAX, f64::NAN), NORMAL);
        picture
    }

    #[test]
    fn the_svg_is_measured_in_points() {
        let svg = picture().to_svg().unwrap();
        assert!(svg.starts_with(r#"<svg width="20" height="10" viewBox="0 0 80 40""#), "{svg}");
        assert!(svg.contains("A é") && svg.contains("DejaVu Sans"));
        assert!(!svg.contains(" id="));
    }

    #[test]
    fn the_png_has_two_pixels_a_point_and_the_colours_asked_for() {
        let png = picture().to_png().unwrap();
        let mut reader = png::Decoder::new(std::io::Cursor::new(png)).read_info().unwrap();
        let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
        let info = reader.next_frame(&mut pixels).unwrap();
        assert_eq!((info.width, info.height), (40, 20));
        let pixel = |x: usize, y: usize| &pixels[3 * (40 * y + x)..][..3];
        assert_eq!(pixel(4, 10), [BLUE.0, BLUE.1, BLUE.2]);
        assert_eq!(pixel(20, 10), [INK.0, INK.1, INK.2]);
        assert_eq!(pixel(13, 2), [255, 255, 255]);
    }

    #[test]
    fn the_same_picture_is_the_same_file() {
        assert_eq!(picture().to_svg().unwrap(), picture().to_svg().unwrap());
        assert_eq!(picture().to_png().unwrap(), picture().to_png().unwrap());
    }

    #[test]
    fn squares_of_pixels_are_averaged() {
        let rows = [[0, 4, 8, 100, 0, 0, 1, 1, 1, 9, 9, 9], [4, 8, 12, 0, 0, 0, 1, 1, 1, 9, 9, 9]];
        assert_eq!(average(rows.as_flattened(), 4, 2), [26, 3, 5, 5, 5, 5]);
    }
}
