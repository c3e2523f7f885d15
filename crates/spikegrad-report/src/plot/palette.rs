//! The colours of all figures.
//!
//! Series take the colours of Okabe and Ito, which stay apart for the colour-blind and in grey;
//! what is not data is grey.
//!
//! Not here: where a colour is used.

use plotters::style::RGBColor;

pub(super) const BLUE: RGBColor = RGBColor(0, 114, 178);
pub(super) const VERMILION: RGBColor = RGBColor(213, 94, 0);
pub(super) const ORANGE: RGBColor = RGBColor(230, 159, 0);
pub(super) const GREEN: RGBColor = RGBColor(0, 158, 115);
pub(super) const PURPLE: RGBColor = RGBColor(204, 121, 167);

pub(super) const SKY: RGBColor = RGBColor(86, 180, 233);

pub(super) const WHITE: RGBColor = RGBColor(255, 255, 255);
pub(super) const INK: RGBColor = RGBColor(38, 38, 38);
pub(super) const FRAME: RGBColor = RGBColor(140, 140, 140);
pub(super) const GRID: RGBColor = RGBColor(222, 222, 222);
pub(super) const FAINT_GRID: RGBColor = RGBColor(240, 240, 240);

/// Colours for things that are only counted, in the order in which they are used.
pub(super) const SERIES: [RGBColor; 7] = [BLUE, VERMILION, GREEN, PURPLE, ORANGE, SKY, INK];

/// Mixes `colour` with `other`; `share` of the result, from 0 to 1, is `colour`.
pub(super) fn mix(colour: RGBColor, other: RGBColor, share: f64) -> RGBColor {
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
    RGBColor(channel(colour.0, other.0), channel(colour.1, other.1), channel(colour.2, other.2))
}

/// The colour of text on `ground`: white as soon as it stands out, and ink on what is lighter.
pub(super) fn ink_on(ground: RGBColor) -> RGBColor {
    // Contrast as accessibility guidelines measure it, with 2.2 for the exponent of the screen.
    let luminance = |RGBColor(red, green, blue): RGBColor| {
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
        assert_eq!(
            mix(RGBColor(0, 100, 200), RGBColor(100, 100, 100), 0.5),
            RGBColor(50, 100, 150)
        );
    }
}
