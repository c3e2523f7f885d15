//! Delays that are trained: the same small network with its weights alone, and with a delay for each synapse.
#![expect(clippy::print_stdout, reason = "an example shows what it found")]

use spikegrad::Settings;
use spikegrad_train::{Config, Run};

const SEEDS: u32 = 3;

/// The mean test loss and the mean share of right answers after the last epoch, over the seeds.
fn train(config: &Config) -> Result<(f64, f64), Box<dyn std::error::Error>> {
    let (mut loss, mut accuracy) = (0.0, 0.0);
    for seed in 0..SEEDS {
        let mut run =
            Run::new(&Config { seed: seed.into(), ..config.clone() }, Settings::default())?;
        loop {
            let record = run.epoch(&mut ())?.continue_value().ok_or("nothing stops the run")?;
            if run.completed() == config.epochs {
                loss += record.test_loss;
                accuracy += record.test_accuracy;
                break;
            }
        }
    }
    Ok((loss / f64::from(SEEDS), accuracy / f64::from(SEEDS)))
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut config = Config::built_in("yin-yang").ok_or("it is built in")?;
    config.set("layers.0.size", "10")?;
    config.set("layers.1.weights.mean", "4")?;
    config.set("epochs", "10")?;
    // Near grazing spikes gradients are long, and a step along one can undo many: short steps, ever shorter, so that the last epoch tells.
    config.set("clip", "1")?;
    config.set("schedule.shape.decay", "0.75")?;
    let without = train(&config)?;

    // Initial delays of some milliseconds, in s, and a learning rate of their own.
    config.set("layers.0.delays", r#"{"mean": 0, "std": 0.003}"#)?;
    config.set("layers.1.delays", r#"{"mean": 0, "std": 0.003}"#)?;
    config.set("learning_rates.delays", "0.0005")?;
    let with = train(&config)?;

    for (what, (loss, accuracy)) in [("weights", without), ("weights and delays", with)] {
        println!(
            "{what}: test loss {loss:.3}, {:.1} % right, the means of {SEEDS} seeds",
            100.0 * accuracy
        );
    }
    assert!(with.0 < without.0, "delays help");
    Ok(())
}
