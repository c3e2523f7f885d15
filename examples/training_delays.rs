//! Delays that are trained: the same small network with its weights alone, and with a delay for each synapse.
#![expect(clippy::print_stdout, reason = "an example shows what it found")]

use spikegrad::Settings;
use spikegrad_train::{Config, EpochRecord, Run};

fn train(config: &Config) -> Result<EpochRecord, Box<dyn std::error::Error>> {
    let mut run = Run::new(config, Settings::default())?;
    loop {
        let record = run.epoch(&mut ())?.continue_value().ok_or("nothing stops the run")?;
        if run.completed() == config.epochs {
            return Ok(record);
        }
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut config = Config::built_in("yin-yang").ok_or("it is built in")?;
    config.set("layers.0.size", "10")?;
    config.set("layers.1.weights.mean", "4")?;
    config.set("epochs", "10")?;
    let without = train(&config)?;

    // Initial delays of some milliseconds, in s, and a learning rate of their own.
    config.set("layers.0.delays", r#"{"mean": 0, "std": 0.003}"#)?;
    config.set("layers.1.delays", r#"{"mean": 0, "std": 0.003}"#)?;
    config.set("learning_rates.delays", "0.0005")?;
    let with = train(&config)?;

    for (what, record) in [("weights", &without), ("weights and delays", &with)] {
        println!(
            "{what}: test loss {:.3}, {:.1} % right",
            record.test_loss,
            100.0 * record.test_accuracy
        );
    }
    assert!(with.test_loss < without.test_loss, "delays help");
    Ok(())
}
