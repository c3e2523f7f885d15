//! What may stand on the command line: the options that all commands share, and how an option's value is read.
//!
//! Values are checked here as far as they can be without the problem. Not here: the commands, and the arguments of each (`command/`).

use clap::{Args, ValueEnum};
use serde_json::Value;
use spikegrad::network::wording::json_reason;
use spikegrad::{DEFAULT_MAX_EVENTS, Engine, Grazing, Settings};
use spikegrad_report::plot::Size;
use spikegrad_train::{Config, TrainError};
use std::ops::Range;
use std::path::PathBuf;

/// Options of every command.
#[derive(Debug, Args)]
#[command(next_help_heading = "Common options")]
pub(crate) struct Common {
    /// Give up on a simulation after this many events: spikes and synaptic arrivals
    ///
    /// A network that excites itself may fire without end; this is what ends it. Counted for each sample. Memory grows with the spikes among
    /// them: up to 180 bytes each, and 340 with a gradient, so that the default takes at most 1.8 GB, or 3.4 GB.
    #[arg(
        long,
        value_name = "N",
        default_value_t = DEFAULT_MAX_EVENTS,
        allow_negative_numbers = true,
        global = true
    )]
    pub(crate) max_events: u64,

    /// Use this many threads, instead of one for each processor
    ///
    /// The results are the same, to the last bit, on any number of threads.
    #[arg(
        long,
        value_name = "N",
        value_parser = clap::value_parser!(u16).range(1..=1024),
        allow_negative_numbers = true,
        global = true
    )]
    pub(crate) threads: Option<u16>,

    /// Which engine does the work
    ///
    /// Both give the same answer to rounding; the answer says nothing of it, --verbose does.
    #[arg(long, value_name = "ENGINE", value_enum, default_value = "automatic", global = true)]
    engine: EngineName,

    /// Say nothing on standard error but errors, and that a gradient is not exact
    #[arg(long, global = true)]
    pub(crate) quiet: bool,

    /// Say also which engine did the work, and why
    #[arg(long, global = true, conflicts_with = "quiet")]
    pub(crate) verbose: bool,
}

/// What may be asked for.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum EngineName {
    /// The layered sweep where every connection has one delay, and is dense or a convolution, and populations hear only
    /// earlier ones and themselves; windows in large sparse networks with delays; the event loop elsewhere
    Automatic,
    /// The event loop, whatever the network
    EventLoop,
}

impl Common {
    /// How to evaluate a loss with these options.
    pub(crate) fn settings(&self, grazing: Grazing) -> Settings {
        let engine = match self.engine {
            EngineName::Automatic => Engine::Automatic,
            EngineName::EventLoop => Engine::EventLoop,
        };
        Settings { engine, max_events: self.max_events, grazing, ..Settings::default() }
    }
}

/// Reads `fail`, `zero` or `floor=SLOPE`.
pub(crate) fn grazing(text: &str) -> Result<Grazing, String> {
    match text.split_once('=') {
        None if text == "fail" => Ok(Grazing::Fail),
        None if text == "zero" => Ok(Grazing::Zero),
        Some(("floor", slope)) => match positive(slope) {
            Ok(slope) => Ok(Grazing::Floor(slope)),
            Err(reason) => Err(format!("the slope of a floor, per second, {reason}")),
        },
        _ => Err("it must be fail, zero or floor=SLOPE".into()),
    }
}

/// Reads `KEY=VALUE`.
pub(crate) fn setting(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) => Ok((key.trim().into(), value.trim().into())),
        None => Err("it must be KEY=VALUE".into()),
    }
}

/// Reads `KEY=VALUE,VALUE,…`, or `KEY=[VALUE,VALUE,…]` with values in JSON, which may have commas of their own.
pub(crate) fn settings(text: &str) -> Result<(String, Vec<String>), String> {
    let (key, values) = setting(text)?;
    if !values.starts_with('[') {
        return Ok((key, values.split(',').map(|value| value.trim().to_owned()).collect()));
    }
    let wrong = |reason: String| format!("what begins with [ must be a list in JSON: {reason}");
    // Read as a configuration is: a key that stands twice is an error.
    let list = match Config::parse_value(&values) {
        Ok(Value::Array(list)) => list,
        Ok(_) => return Err(wrong("it is none".into())),
        Err(TrainError::MalformedConfig { reason }) => return Err(wrong(json_reason(&reason))),
        Err(other) => return Err(wrong(other.to_string())),
    };
    if list.is_empty() {
        return Err("the list of values is empty".into());
    }
    // A word is what it would be without the list: without quotes.
    let value = |value: Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    Ok((key, list.into_iter().map(value).collect()))
}

/// Reads a span of time.
pub(crate) fn seconds(text: &str) -> Result<f64, String> {
    positive(text).map_err(|reason| format!("a time in seconds {reason}"))
}

fn positive(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(x) if x.is_finite() && x > 0.0 => Ok(x),
        _ => Err("must be a finite number above 0".into()),
    }
}

/// Reads `FROM..TO`, in s.
pub(crate) fn window(text: &str) -> Result<(f64, f64), String> {
    let time = |text: &str| text.trim().parse::<f64>().ok().filter(|time| time.is_finite());
    match text.split_once("..").map(|(from, to)| (time(from), time(to))) {
        Some((Some(from), Some(to))) if 0.0 <= from && from < to => Ok((from, to)),
        _ => Err("it must be FROM..TO in seconds, such as 0.01..0.02".into()),
    }
}

/// Reads `WIDTHxHEIGHT`, or `WIDTH` alone, in points.
pub(crate) fn size(text: &str) -> Result<Size, String> {
    let (least, most) = Size::LIMITS;
    let length = |text: &str| {
        let length =
            text.trim().parse::<f64>().ok().filter(|length| (least..=most).contains(length));
        length.ok_or_else(|| {
            format!("it must be WIDTHxHEIGHT, or WIDTH alone, each of {least} to {most} points")
        })
    };
    match text.split_once('x') {
        Some((width, height)) => Ok(Size { width: length(width)?, height: Some(length(height)?) }),
        None => Ok(Size { width: length(text)?, height: None }),
    }
}

/// The inputs, a population, or neurons of it, by name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Chosen {
    pub(crate) name: String,
    pub(crate) range: Option<Range<usize>>,
}

/// Reads one of the populations to be drawn: `NAME`, `NAME[3]` or `NAME[0..20]`.
pub(crate) fn chosen(text: &str) -> Result<Chosen, String> {
    let rule = || {
        format!(
            "{text} must be the name of a population, such as hidden, hidden[3] or hidden[0..20]"
        )
    };
    let (name, range) = match text.strip_suffix(']').and_then(|text| text.rsplit_once('[')) {
        Some((name, range)) => (name, Some(indices(range).ok_or_else(rule)?)),
        None => (text, None),
    };
    match name.is_empty() {
        true => Err(rule()),
        false => Ok(Chosen { name: name.into(), range }),
    }
}

/// Reads `3` or `0..20`, of which the end is left out.
fn indices(text: &str) -> Option<Range<usize>> {
    let index = |text: &str| text.trim().parse::<usize>().ok();
    let range = match text.split_once("..") {
        Some((from, to)) => index(from)?..index(to)?,
        None => index(text)?..index(text)?.checked_add(1)?,
    };
    (!range.is_empty()).then_some(range)
}

/// Reads the path of a figure: its ending says the format.
pub(crate) fn figure(text: &str) -> Result<PathBuf, String> {
    let path = PathBuf::from(text);
    let ending = path.extension().and_then(|ending| ending.to_str()).map(str::to_ascii_lowercase);
    match ending.as_deref() {
        Some("svg" | "png") => Ok(path),
        _ => Err("the name of a figure must end in .svg or .png".into()),
    }
}
