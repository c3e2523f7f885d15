//! A picture as SVG: an element for each shape, measured in points.
//!
//! Whoever opens it sets the texts, in the font that the picture was laid out with or one as wide. No element has an `id`, so that many
//! pictures can stand on one page.
//!
//! Not here: pixels (`png.rs`).

use std::fmt::{self, Write};

use super::font::NAMES;
use super::palette::Colour;
use super::picture::{Align, Picture, Shape, TextStyle};
use crate::markup::escape;

impl Picture {
    /// Returns the picture as an SVG, for a [`Page`](crate::Page) or a file.
    #[must_use]
    pub fn to_svg(&self) -> String {
        let mut svg = String::new();
        // Nothing can go wrong with a string.
        let written = write_picture(&mut svg, self);
        debug_assert!(written.is_ok(), "a string takes all that is written to it");
        svg
    }
}

fn write_picture(svg: &mut String, picture: &Picture) -> fmt::Result {
    let (width, height) = (picture.width.ceil(), picture.height.ceil());
    writeln!(
        svg,
        r#"<svg width="{width}" height="{height}" viewBox="0 0 {width} {height}" font-family="{NAMES}" fill="none" stroke-linejoin="round" xmlns="http://www.w3.org/2000/svg">"#
    )?;
    writeln!(svg, r##"<rect width="{width}" height="{height}" fill="#ffffff"/>"##)?;
    for shape in &picture.shapes {
        write_shape(svg, shape)?;
    }
    writeln!(svg, "</svg>")
}

fn write_shape(svg: &mut String, shape: &Shape) -> fmt::Result {
    match shape {
        Shape::Rectangle { upper_left: (left, top), lower_right: (right, bottom), colour } => {
            let (x, y, width, height) =
                (Points(*left), Points(*top), Points(right - left), Points(bottom - top));
            writeln!(
                svg,
                r#"<rect x="{x}" y="{y}" width="{width}" height="{height}" fill="{colour}"/>"#
            )
        }
        Shape::Disc { centre: (x, y), radius, colour } => {
            let (x, y, radius) = (Points(*x), Points(*y), Points(*radius));
            writeln!(svg, r#"<circle cx="{x}" cy="{y}" r="{radius}" fill="{colour}"/>"#)
        }
        Shape::Line { points, .. } if points.len() < 2 => Ok(()),
        Shape::Line { points, width, colour } => {
            let width = Points(*width);
            write!(svg, r#"<polyline stroke="{colour}" stroke-width="{width}" points=""#)?;
            for (k, &(x, y)) in points.iter().enumerate() {
                let space = if k == 0 { "" } else { " " };
                write!(svg, "{space}{},{}", Points(x), Points(y))?;
            }
            writeln!(svg, r#""/>"#)
        }
        Shape::Text { text, position: (x, y), style } => {
            let (x, y) = (Points(*x), Points(*y));
            let TextStyle { size, bold, colour, align, upwards } = *style;
            write!(svg, r#"<text x="{x}" y="{y}" font-size="{}" fill="{colour}""#, Points(size))?;
            match align {
                Align::Start => {}
                Align::Middle => svg.push_str(r#" text-anchor="middle""#),
                Align::End => svg.push_str(r#" text-anchor="end""#),
            }
            if bold {
                svg.push_str(r#" font-weight="bold""#);
            }
            if upwards {
                write!(svg, r#" transform="rotate(-90 {x} {y})""#)?;
            }
            writeln!(svg, ">{}</text>", escape(text))
        }
    }
}

/// A length, to a hundredth of a point.
struct Points(f64);

impl fmt::Display for Points {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        /// Far off any sheet.
        const FAR: f64 = 1e6;
        let near = if self.0.is_nan() { 0.0 } else { self.0.clamp(-FAR, FAR) };
        // Adding zero turns −0 into 0.
        let points = (near * 100.0).round() / 100.0 + 0.0;
        write!(f, "{points}")
    }
}

impl fmt::Display for Colour {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{:02x}{:02x}{:02x}", self.0, self.1, self.2)
    }
}

#[cfg(test)]
mod tests {
    use super::super::palette::{BLUE, INK};
    use super::super::picture::NORMAL;
    use super::*;

    #[test]
    fn each_shape_is_an_element_in_points() {
        let mut picture = Picture::new(19.5, 10.0);
        picture.rectangle((0.0, 1.0 / 3.0), (5.0, 10.0), BLUE);
        picture.disc((10.0, 5.0), 2.0, INK);
        picture.line(vec![(5.0, 0.0), (5.0, 10.0)], 1.25, INK);
        picture.line(vec![(5.0, 0.0)], 1.0, INK);
        picture.text("A\u{1}<é>", (15.0, 9.0), NORMAL.align(Align::Middle).upwards());
        let expected = r##"<rect width="20" height="10" fill="#ffffff"/>
<rect x="0" y="0.33" width="5" height="9.67" fill="#0072b2"/>
<circle cx="10" cy="5" r="2" fill="#262626"/>
<polyline stroke="#262626" stroke-width="1.25" points="5,0 5,10"/>
<text x="15" y="9" font-size="12.5" fill="#262626" text-anchor="middle" transform="rotate(-90 15 9)">A &lt;é&gt;</text>
</svg>
"##;
        let svg = picture.to_svg();
        let (head, shapes) = svg.split_once('\n').unwrap();
        assert!(head.starts_with(r#"<svg width="20" height="10" viewBox="0 0 20 10""#), "{head}");
        assert!(head.contains("DejaVu Sans") && !svg.contains(" id="));
        assert_eq!(shapes, expected);
    }

    #[test]
    fn a_place_that_is_no_number_is_one() {
        let shown = [f64::NAN, f64::NEG_INFINITY, f64::MAX, -0.001].map(|x| Points(x).to_string());
        assert_eq!(shown, ["0", "-1000000", "1000000", "0"]);
    }
}
