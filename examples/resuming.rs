//! A run that is broken off and goes on ends with the same bits as one that was not.
#![expect(clippy::print_stdout, reason = "an example shows what it found")]

use spikegrad::Settings;
use spikegrad_train::{Checkpoint, Config, Run};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut config = Config::default();
    config.set("layers.0.size", "20")?;
    config.set("layers.1.weights.mean", "4")?;
    config.set("epochs", "3")?;

    let mut whole = Run::new(&config, Settings::default())?;
    while whole.completed() < 3 {
        assert!(whole.epoch(&mut ())?.is_continue());
    }

    let folder = tempfile::tempdir()?;
    let path = folder.path().join("checkpoint.safetensors");
    let mut first = Run::new(&config, Settings::default())?;
    assert!(first.epoch(&mut ())?.is_continue());
    first.checkpoint()?.save(&path)?;
    drop(first);

    let mut second = Run::resume(&config, &Checkpoint::load(&path)?, Settings::default())?;
    while second.completed() < 3 {
        assert!(second.epoch(&mut ())?.is_continue());
    }
    assert_eq!(second.checkpoint()?, whole.checkpoint()?);
    println!(
        "three epochs, and one and two: the same {} parameters",
        whole.classifier().n_trained()
    );
    Ok(())
}
