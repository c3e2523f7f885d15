//! The colours of all figures.
//!
//! Series take the colours of Okabe and Ito, which can be told apart by the colour-blind and in grey;
//! what is not data is grey.
//!
//! Not here: where a colour is used.

/// Red, green and blue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Colour(pub u8, pub u8, pub u8);

/// Of the series.
pub const BLUE: Colour = Colour(0, 114, 178);
/// Of the series.
pub const VERMILION: Colour = Colour(213, 94, 0);
/// Of the series.
pub const ORANGE: Colour = Colour(230, 159, 0);
/// Of the series.
pub const GREEN: Colour = Colour(0, 158, 115);
/// Of the series.
pub const PURPLE: Colour = Colour(204, 121, 167);
/// Of the series.
pub const SKY: Colour = Colour(86, 180, 233);

/// The sheet.
pub const WHITE: Colour = Colour(255, 255, 255);
/// Texts, and lines that are none of the series.
pub const INK: Colour = Colour(38, 38, 38);
/// Frames of panels, and remarks.
pub const FRAME: Colour = Colour(140, 140, 140);
/// Grid lines with a number.
pub const GRID: Colour = Colour(222, 222, 222);
/// Grid lines without one.
pub const FAINT_GRID: Colour = Colour(240, 240, 240);

/// Colours for things that are only counted, in the order in which they are used.
pub const SERIES: [Colour; 7] = [BLUE, VERMILION, GREEN, PURPLE, ORANGE, SKY, INK];

/// Mixes `colour` with `other`; `share` of the result, from 0 to 1, is `colour`.
#[must_use]
pub fn mix(colour: Colour, other: Colour, share: f64) -> Colour {
    let channel = |one: u8, two: u8| {
        let mixed = f64::from(two) + share * (f64::from(one) - f64::from(two));
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a mixture of two bytes is a byte, and the cast saturates"
        )]
        let byte = mixed.round() as u8;
        byte
    };
    Colour(channel(colour.0, other.0), channel(colour.1, other.1), channel(colour.2, other.2))
}

/// The colour of text on `ground`: white as soon as it stands out, and ink on what is lighter.
#[must_use]
pub fn ink_on(ground: Colour) -> Colour {
    // Contrast as accessibility guidelines measure it, with 2.2 for the exponent of the screen.
    let luminance = |Colour(red, green, blue): Colour| {
        let light = |channel: u8| libm::pow(f64::from(channel) / 255.0, 2.2);
        0.05 + 0.2126 * light(red) + 0.7152 * light(green) + 0.0722 * light(blue)
    };
    if luminance(WHITE) / luminance(ground) >= 3.0 { WHITE } else { INK }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_stands_out_from_its_ground() {
        assert_eq!(ink_on(WHITE), INK);
        assert_eq!(ink_on(mix(BLUE, WHITE, 0.6)), INK);
        assert_eq!(ink_on(INK), WHITE);
        assert_eq!(ink_on(BLUE), WHITE);
    }

    #[test]
    fn a_mixture_lies_between_its_colours() {
        assert_eq!(mix(BLUE, WHITE, 1.0), BLUE);
        assert_eq!(mix(BLUE, WHITE, 0.0), WHITE);
        assert_eq!(mix(Colour(0, 100, 200), Colour(100, 100, 100), 0.5), Colour(50, 100, 150));
    }
}
