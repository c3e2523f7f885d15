//! Pictures to files: the format by the file's name, the font from this program.
//!
//! plotters works on whole pixels, so a picture is drawn on a grid of [`GRID`] to a point. The SVG
//! says so in its header; in the PNG, squares of grid pixels are averaged, which smooths every edge.
//!
//! plotters measures a font differently in its two back ends, and where it puts the baseline differs
//! too; [`Dialect`] holds these numbers, so that both formats show the same picture.
//!
//! Not here: what is drawn (`picture.rs`).

use std::path::Path;
use std::sync::OnceLock;

use plotters::backend::{BitMapBackend, DrawingBackend, SVGBackend};
use plotters::coord::Shift;
use plotters::drawing::{DrawingArea, DrawingAreaErrorKind, IntoDrawingArea};
use plotters::element::{Circle, PathElement, Rectangle, Text};
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{
    Color, FontDesc, FontFamily, FontStyle, FontTransform, ShapeStyle, register_font,
};

use super::palette::WHITE;
use super::picture::{Align, Picture, Position, Shape, TextStyle};
use crate::{TrainError, write_beside};

/// Grid pixels to a point, in each direction.
const GRID: u32 = 4;

/// Pixels of the PNG to a point, in each direction: sharp on dense screens and in print.
const PNG_PIXELS: u32 = 2;

/// The embedded font, and for whoever opens the SVG without it, others of the same width.
const FONT: &str = "DejaVu Sans, Verdana, sans-serif";

/// What differs between plotters' back ends.
#[derive(Clone, Copy)]
struct Dialect {
    /// What plotters calls the size of a font whose em is 1.
    size_per_em: f64,
    /// How far below the position the baseline comes to lie, in em.
    baseline: f64,
    /// Whether a line is drawn whole. The bitmap's filled outline of a line that turns back on
    /// itself, as a voltage at a reset, would have holes.
    whole_lines: bool,
}

const SVG: Dialect = Dialect { size_per_em: 1.24, baseline: 0.76, whole_lines: true };

/// The bitmap's size is the ascent and descent of DejaVu Sans together, half of it above the baseline.
const BITMAP: Dialect = Dialect { size_per_em: 1.164, baseline: 0.582, whole_lines: false };

impl Picture {
    /// Writes the picture to `path`, which must end in `.svg` or `.png`.
    pub(super) fn save(&self, path: &Path) -> Result<(), TrainError> {
        let extension = path.extension().and_then(|extension| extension.to_str());
        let bytes = match extension.map(str::to_ascii_lowercase).as_deref() {
            Some("svg") => self.to_svg()?.into_bytes(),
            Some("png") => self.to_png()?,
            _ => return Err(TrainError::FigureFormat { path: path.to_path_buf() }),
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

    fn to_svg(&self) -> Result<String, TrainError> {
        let (width, height) = self.grid_size();
        let mut svg = String::new();
        draw(self, SVGBackend::with_string(&mut svg, (width, height)), SVG)?;
        // The grid stays in the view box; the size on the page is in points.
        let on_grid = format!("width=\"{width}\" height=\"{height}\"");
        let on_page = format!("width=\"{}\" height=\"{}\"", width / GRID, height / GRID);
        Ok(svg.replacen(&on_grid, &on_page, 1))
    }

    fn to_png(&self) -> Result<Vec<u8>, TrainError> {
        let (width, height) = self.grid_size();
        let mut grid = vec![0; width as usize * height as usize * 3];
        draw(self, BitMapBackend::with_buffer(&mut grid, (width, height)), BITMAP)?;

        const SQUARE: u32 = GRID / PNG_PIXELS;
        let mut png = Vec::new();
        let mut encoder = png::Encoder::new(&mut png, width / SQUARE, height / SQUARE);
        encoder.set_color(png::ColorType::Rgb);
        let mut writer = encoder.write_header().map_err(drawing)?;
        writer
            .write_image_data(&average(&grid, width as usize, SQUARE as usize))
            .map_err(drawing)?;
        writer.finish().map_err(drawing)?;
        Ok(png)
    }
}

/// Returns the width of `text` in points.
pub(super) fn text_width(text: &str, style: TextStyle) -> Result<f64, TrainError> {
    /// Widths come as whole numbers: measured large, the rounding is nothing.
    const MAGNIFICATION: f64 = 64.0;
    register_fonts();
    let (width, _) = font(style, MAGNIFICATION * style.size * BITMAP.size_per_em)
        .box_size(text)
        .map_err(drawing)?;
    Ok(f64::from(width) / MAGNIFICATION)
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

/// Makes the embedded font known to plotters, once.
fn register_fonts() {
    static REGISTERED: OnceLock<()> = OnceLock::new();
    REGISTERED.get_or_init(|| {
        let faces =
            [(FontStyle::Normal, dejavu::sans::regular()), (FontStyle::Bold, dejavu::sans::bold())];
        for (style, face) in faces {
            // These bytes are part of the program; the tests draw with them.
            let registered = register_font(FONT, style, face);
            debug_assert!(registered.is_ok(), "the embedded font is a font");
        }
    });
}

fn font(style: TextStyle, size: f64) -> FontDesc<'static> {
    let weight = if style.bold { FontStyle::Bold } else { FontStyle::Normal };
    FontDesc::new(FontFamily::Name(FONT), size, weight)
}

fn drawing(reason: impl std::error::Error + Send + Sync + 'static) -> TrainError {
    TrainError::Drawing { reason: Box::new(reason) }
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

fn draw<B>(picture: &Picture, backend: B, dialect: Dialect) -> Result<(), TrainError>
where
    B: DrawingBackend,
    B::ErrorType: 'static,
{
    register_fonts();
    let sheet = backend.into_drawing_area();
    sheet.fill(&WHITE).map_err(drawing)?;
    for shape in &picture.shapes {
        draw_shape(shape, &sheet, dialect).map_err(drawing)?;
    }
    sheet.present().map_err(drawing)
}

fn draw_shape<B: DrawingBackend>(
    shape: &Shape,
    sheet: &DrawingArea<B, Shift>,
    dialect: Dialect,
) -> Result<(), DrawingAreaErrorKind<B::ErrorType>> {
    match shape {
        Shape::Rectangle { upper_left, lower_right, colour } => {
            let corners = [on_grid(*upper_left), on_grid(*lower_right)];
            sheet.draw(&Rectangle::new(corners, colour.filled()))
        }
        Shape::Disc { centre, radius, colour } => {
            sheet.draw(&Circle::new(on_grid(*centre), grid_length(*radius), colour.filled()))
        }
        Shape::Line { points, width, colour } => {
            let style = ShapeStyle::from(colour).stroke_width(grid_length(*width));
            let mut points: Vec<(i32, i32)> = points.iter().copied().map(on_grid).collect();
            points.dedup();
            if dialect.whole_lines {
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
        Shape::Text { text, position: (x, y), style } => {
            let above = dialect.baseline * style.size;
            let (position, transform) = if style.upwards {
                ((x - above, *y), FontTransform::Rotate270)
            } else {
                ((*x, y - above), FontTransform::None)
            };
            let horizontal = match style.align {
                Align::Start => HPos::Left,
                Align::Middle => HPos::Center,
                Align::End => HPos::Right,
            };
            let size = style.size * f64::from(GRID) * dialect.size_per_em;
            let style = font(*style, size)
                .transform(transform)
                .color(&style.colour)
                .pos(Pos::new(horizontal, VPos::Top));
            sheet.draw(&Text::new(text.as_str(), on_grid(position), style))
        }
    }
}
