//! Why an experiment could not be carried out.

use std::io;

use drill::DrillError;
use judge::JudgeError;
use loadgen::LoadError;
use thiserror::Error;
use timeline::{ArrivalError, StoreError};

/// Why an experiment could not be carried out. A busy machine is no error: its rows are unproven.
#[derive(Debug, Error)]
pub enum CalibrateError {
    /// The target or the generator can't listen.
    #[error("no port to listen on: {0}")]
    Listen(#[from] io::Error),
    /// The generator gave no load, or stopped in the middle.
    #[error("load: {0}")]
    Load(#[from] LoadError),
    /// The experiment's own drill is not valid.
    #[error("drill of the experiment: {0}")]
    Drill(#[from] DrillError),
    /// The recording can't be read.
    #[error("recording: {0}")]
    Recording(#[from] ArrivalError),
    /// The timeline can't be written or read.
    #[error("{0}")]
    Timeline(#[from] StoreError),
    /// The recording can't be judged.
    #[error("judge: {0}")]
    Judge(#[from] JudgeError),
}
