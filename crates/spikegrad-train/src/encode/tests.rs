//! Tests of the encoders, and of what is done to their spikes at random.
//!
//! Not here: deformed images (`deformation.rs`).

use super::*;
use crate::random::{Purpose, sample_stream};

/// The code of the EventProp paper for MNIST.
const EVENTPROP: Encoder = Encoder::Latency {
    t_min: 0.0,
    t_max: 0.02,
    larger_first: true,
    silent_below: 2.0 / 255.0,
    t_bias: None,
    shape: Shape::Linear,
};

const SPIKES: Encoder = Encoder::Spikes { scale: 0.5, t_bias: Some(0.25) };

fn latency(larger_first: bool, silent_below: f64, shape: Shape) -> Encoder {
    let (t_min, t_max) = (0.005, 0.03);
    Encoder::Latency { t_min, t_max, larger_first, silent_below, t_bias: None, shape }
}

fn rng(sample: u32) -> Stream {
    sample_stream(0, Purpose::Augmentation, 0, sample)
}

#[track_caller]
fn encode(encoder: &Encoder, input: InputRef<'_>, t_end: f64) -> Vec<InputSpike> {
    let mut out = vec![InputSpike { channel: 99, time: 99.0 }];
    encoder.encode(input, None, t_end, &mut out).unwrap();
    out
}

fn augmented(
    encoder: &Encoder,
    augmentation: &Augmentation,
    input: InputRef<'_>,
    sample: u32,
) -> Vec<InputSpike> {
    let mut out = Vec::new();
    encoder.encode(input, Some((augmentation, &mut rng(sample))), 1.0, &mut out).unwrap();
    out
}

fn all_greys() -> Vec<u8> {
    (0..=255).collect()
}

#[test]
fn the_code_of_eventprop_is_met_bit_for_bit() {
    let pixels = all_greys();
    let image = InputRef::Image { rows: 16, columns: 16, pixels: &pixels };
    let spikes = encode(&EVENTPROP, image, 1.0);
    assert_eq!(spikes.len(), 254, "0 and 1 are silent");
    for (spike, &pixel) in spikes.iter().zip(&pixels[2..]) {
        assert_eq!(spike.channel, usize::from(pixel));
        let expected = (1.0 - f64::from(pixel) / 255.0) * 0.02;
        assert_eq!(spike.time.to_bits(), expected.to_bits(), "pixel {pixel}");
    }
    // As well if the image went through a deformation that does nothing.
    let idle = Augmentation { rotation: Some(0.0), scale: Some(0.0), ..Augmentation::default() };
    assert_eq!(augmented(&EVENTPROP, &idle, image, 0), spikes);
    // And if the least value went through a configuration.
    let text = serde_json::to_string(&EVENTPROP).unwrap();
    assert_eq!(serde_json::from_str::<Encoder>(&text).unwrap(), EVENTPROP);
}

#[test]
fn values_can_be_read_off_the_times() {
    let values: Vec<f64> = (0..=100).map(|k| f64::from(k) / 100.0).collect();
    type Decode = fn(f64) -> f64;
    let decoders: [(Encoder, Decode); 3] = [
        (latency(false, 0.0, Shape::Linear), |t| (t - 0.005) / 0.025),
        (latency(true, 0.0, Shape::Linear), |t| 1.0 - (t - 0.005) / 0.025),
        (latency(true, 0.04, Shape::Logarithmic), |t| 0.04_f64.powf((t - 0.005) / 0.025)),
    ];
    for (encoder, decode) in decoders {
        let spikes = encode(&encoder, InputRef::Point(&values), 1.0);
        let Encoder::Latency { silent_below, .. } = encoder else { unreachable!() };
        assert_eq!(spikes.len(), values.iter().filter(|v| **v >= silent_below).count());
        for spike in spikes {
            assert!((0.005 - 1e-15..=0.03 + 1e-15).contains(&spike.time), "{encoder:?} {spike:?}");
            let decoded = decode(spike.time);
            assert!((decoded - values[spike.channel]).abs() < 1e-13, "{encoder:?} {decoded}");
        }
    }
}

#[test]
fn spike_trains_are_scaled_and_cut_at_the_end() {
    let train = InputRef::Train { times: &[0.0, 0.5, 1.0], channel: &[3, 0, 3], channels: 4 };
    let pairs = |t_end| -> Vec<(usize, f64)> {
        encode(&SPIKES, train, t_end).into_iter().map(|s| (s.channel, s.time)).collect()
    };
    assert_eq!(pairs(1.0), [(3, 0.0), (0, 0.25), (3, 0.5), (4, 0.25)], "the bias last");
    assert_eq!(pairs(0.25), [(3, 0.0), (0, 0.25), (4, 0.25)], "the end belongs to the run");
    assert_eq!(pairs(0.125), [(3, 0.0)]);
}

#[test]
fn values_that_are_no_numbers_or_too_late_do_not_spike() {
    let encoder = latency(true, 0.0, Shape::Linear);
    let spikes = encode(&encoder, InputRef::Point(&[f64::NAN, 0.0, 1.0]), 0.01);
    assert_eq!(spikes, [InputSpike { channel: 2, time: 0.005 }]);
}

#[test]
fn the_same_generator_gives_the_same_bits_and_another_sample_others() {
    let pixels: Vec<u8> = all_greys().into_iter().cycle().take(28 * 28).collect();
    let image = InputRef::Image { rows: 28, columns: 28, pixels: &pixels };
    let everything = Augmentation {
        jitter: 1e-3,
        dropout: 0.2,
        flip: 0.1,
        shift: 2,
        elastic: Some(Elastic { alpha: 34.0, sigma: 4.0 }),
        rotation: Some(15.0),
        scale: Some(0.1),
    };
    everything.validate().unwrap();
    everything.check(&Inputs::Images { rows: 28, columns: 28, pixels: pixels.clone() }).unwrap();
    let one = augmented(&EVENTPROP, &everything, image, 0);
    assert_eq!(one, augmented(&EVENTPROP, &everything, image, 0));
    assert_ne!(one, augmented(&EVENTPROP, &everything, image, 1));
    for spike in one {
        assert!(spike.channel < 28 * 28 && (0.0..0.03).contains(&spike.time), "{spike:?}");
    }
}

#[test]
fn jitter_has_the_spread_asked_for_and_dropout_the_rate() {
    const N: usize = 100_000;
    let times = vec![0.5; N];
    let channel = vec![0; N];
    let train = InputRef::Train { times: &times, channel: &channel, channels: 1 };
    let encoder = Encoder::Spikes { scale: 1.0, t_bias: None };
    let noise = Augmentation { jitter: 0.01, dropout: 0.2, ..Augmentation::default() };
    let spikes = augmented(&encoder, &noise, train, 0);
    let n = f64::from(u32::try_from(spikes.len()).unwrap());
    // Five standard errors each.
    assert!((n / 1e5 - 0.8).abs() < 5.0 * (0.8 * 0.2 / 1e5_f64).sqrt(), "{n}");
    let mean = spikes.iter().map(|spike| spike.time).sum::<f64>() / n;
    let variance = spikes.iter().map(|spike| (spike.time - mean).powi(2)).sum::<f64>() / n;
    assert!((mean - 0.5).abs() < 5.0 * 0.01 / n.sqrt(), "{mean}");
    assert!((variance.sqrt() / 0.01 - 1.0).abs() < 5.0 / (2.0 * n).sqrt(), "{variance}");
}

#[test]
fn jitter_mirrors_times_at_zero_and_leaves_the_bias_alone() {
    let noise = Augmentation { jitter: 0.01, dropout: 0.9, ..Augmentation::default() };
    let times = [0.0; 1000];
    let train = InputRef::Train { times: &times, channel: &[0; 1000], channels: 1 };
    let spikes = augmented(&SPIKES, &noise, train, 0);
    let (bias, spikes) = spikes.split_last().unwrap();
    assert_eq!(*bias, InputSpike { channel: 1, time: 0.25 });
    assert!(spikes.len() > 50 && spikes.iter().all(|spike| spike.time > 0.0));
}

#[test]
fn pixels_have_their_negatives_at_the_rate_asked_for() {
    let (encoder, pixels) = (latency(true, 0.5, Shape::Linear), vec![0; 100_000]);
    let image = InputRef::Image { rows: 100, columns: 1000, pixels: &pixels };
    let noise = Augmentation { flip: 0.02, ..Augmentation::default() };
    let white = augmented(&encoder, &noise, image, 0);
    // Five standard errors.
    let share = f64::from(u32::try_from(white.len()).unwrap()) / 1e5;
    assert!((share - 0.02).abs() < 5.0 * (0.02 * 0.98 / 1e5_f64).sqrt(), "{share}");
    assert!(white.iter().all(|spike| spike.time.to_bits() == 0.005_f64.to_bits()));
}

#[test]
fn all_values_may_spike_at_one_time() {
    let encoder = Encoder::Latency {
        t_min: 0.02,
        t_max: 0.02,
        larger_first: true,
        silent_below: 0.5,
        t_bias: None,
        shape: Shape::Linear,
    };
    encoder.validate(1.0).unwrap();
    let spikes = encode(&encoder, InputRef::Point(&[0.2, 0.6, 1.0]), 1.0);
    assert_eq!(spikes, [1, 2].map(|channel| InputSpike { channel, time: 0.02 }));
}

#[test]
fn without_changes_an_augmentation_changes_nothing() {
    let pixels = all_greys();
    let image = InputRef::Image { rows: 16, columns: 16, pixels: &pixels };
    let nothing = Augmentation::default();
    assert_eq!(augmented(&EVENTPROP, &nothing, image, 0), encode(&EVENTPROP, image, 1.0));
}

#[test]
fn a_shift_reaches_every_place_and_loses_no_pixel_inside() {
    let mut pixels = vec![0; 81];
    pixels[40] = 255;
    let image = InputRef::Image { rows: 9, columns: 9, pixels: &pixels };
    let shift = Augmentation { shift: 1, ..Augmentation::default() };
    let mut places: Vec<usize> = (0..200)
        .map(|sample| {
            let spikes = augmented(&EVENTPROP, &shift, image, sample);
            assert_eq!((spikes.len(), spikes[0].time.to_bits()), (1, 0), "white, at once");
            spikes[0].channel
        })
        .collect();
    places.sort_unstable();
    places.dedup();
    assert_eq!(places, [30, 31, 32, 39, 40, 41, 48, 49, 50]);
}

#[test]
fn a_code_for_other_data_is_refused() {
    let trains = Inputs::Trains(crate::data::SpikeTrains::new(3));
    let message = EVENTPROP.check(&trains).unwrap_err().to_string();
    assert_eq!(
        message,
        "the code `latency` is for points and images, but the data are spike trains"
    );
    let images = Inputs::Images { rows: 1, columns: 1, pixels: vec![0] };
    let message = SPIKES.check(&images).unwrap_err().to_string();
    assert_eq!(message, "the code `spikes` is for spike trains, but the data are images");
    assert_eq!((EVENTPROP.channels(&images), SPIKES.channels(&trains)), (1, 4));
    let error = SPIKES.encode(InputRef::Point(&[0.5]), None, 1.0, &mut Vec::new()).unwrap_err();
    assert!(matches!(error, TrainError::OtherCode { found: "points", .. }));
}

#[test]
fn numbers_that_make_no_code_are_refused() {
    let refused = |t_min, t_max, larger_first, silent_below, t_bias, shape, key: &str| {
        let encoder = Encoder::Latency { t_min, t_max, larger_first, silent_below, t_bias, shape };
        assert_eq!(encoder.validate(1.0).unwrap_err().key, key);
    };
    let (linear, logarithmic) = (Shape::Linear, Shape::Logarithmic);
    refused(-1.0, 0.1, true, 0.0, None, linear, "t_min");
    refused(f64::NAN, 0.1, true, 0.0, None, linear, "t_min");
    refused(0.1, 0.09, true, 0.0, None, linear, "t_max");
    refused(0.1, f64::INFINITY, true, 0.0, None, linear, "t_max");
    refused(0.0, 1.5, true, 0.0, None, linear, "t_max");
    refused(0.0, 0.1, true, 0.0, Some(1.5), linear, "t_bias");
    refused(0.0, 0.1, true, 2.0, None, linear, "silent_below");
    refused(0.0, 0.1, true, 0.0, Some(-0.1), linear, "t_bias");
    refused(0.0, 0.1, true, 0.0, None, logarithmic, "silent_below");
    refused(0.0, 0.1, true, 1.0, None, logarithmic, "silent_below");
    refused(0.0, 0.1, false, 0.1, None, logarithmic, "larger_first");
    for scale in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        let encoder = Encoder::Spikes { scale, t_bias: None };
        assert_eq!(encoder.validate(1.0).unwrap_err().key, "scale");
    }
    for encoder in [EVENTPROP, SPIKES, latency(true, 0.04, logarithmic)] {
        encoder.validate(1.0).unwrap();
    }
}

#[test]
fn numbers_that_make_no_augmentation_are_refused() {
    let refused = |change: fn(&mut Augmentation), key: &str| {
        let mut augmentation = Augmentation::default();
        change(&mut augmentation);
        assert_eq!(augmentation.validate().unwrap_err().key, key);
    };
    refused(|a| a.jitter = -1.0, "jitter");
    refused(|a| a.jitter = f64::INFINITY, "jitter");
    refused(|a| a.dropout = 1.0, "dropout");
    refused(|a| a.dropout = f64::NAN, "dropout");
    refused(|a| a.shift = u32::MAX, "shift");
    refused(|a| a.rotation = Some(-1.0), "rotation");
    refused(|a| a.scale = Some(1.0), "scale");
    refused(|a| a.elastic = Some(Elastic { alpha: f64::NAN, sigma: 1.0 }), "elastic.alpha");
    refused(|a| a.elastic = Some(Elastic { alpha: 1.0, sigma: 0.0 }), "elastic.sigma");
    refused(|a| a.elastic = Some(Elastic { alpha: 1.0, sigma: 1e9 }), "elastic.sigma");
}

#[test]
fn what_is_done_to_images_is_refused_for_other_data() {
    let points = Inputs::Points { width: 1, values: vec![0.5] };
    let shift = Augmentation { shift: 1, ..Augmentation::default() };
    assert_eq!(
        shift.check(&points).unwrap_err().to_string(),
        "setting `augmentation.shift` is for images, and the data are none; leave it out (0 or null)"
    );
    Augmentation::default().check(&points).unwrap();
}

#[test]
fn a_configuration_names_the_code_and_nothing_unknown() {
    let text = r#"{"code":"latency","t_min":0.0,"t_max":0.02,"larger_first":true,"silent_below":0.0,"t_bias":null,"shape":"logarithmic"}"#;
    let encoder: Encoder = serde_json::from_str(text).unwrap();
    assert_eq!(serde_json::to_string(&encoder).unwrap(), text);
    for text in [
        text.replace("logarithmic", "square"),
        text.replace("latency", "rate"),
        text.replace("\"t_min\":0.0", "\"t_min\":0.0,\"t_mid\":0.0"),
        r#"{"code": "spikes", "scale": 1, "t_bias": null, "t_min": 0}"#.to_owned(),
    ] {
        assert!(serde_json::from_str::<Encoder>(&text).is_err(), "{text}");
    }
    let augmentation = r#"{"jitter":0.0,"dropout":0.2,"flip":0.0,"shift":1,"elastic":{"alpha":34.0,"sigma":4.0},"rotation":null,"scale":null}"#;
    let read: Augmentation = serde_json::from_str(augmentation).unwrap();
    assert_eq!(serde_json::to_string(&read).unwrap(), augmentation);
    assert!(serde_json::from_str::<Augmentation>(&augmentation.replace("shift", "move")).is_err());
}
