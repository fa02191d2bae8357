//! One module per family of commands. Each maps arguments to library calls and results to exit codes.

pub(crate) mod doctor;
pub(crate) mod drills;
pub(crate) mod heal;
pub(crate) mod inject;
pub(crate) mod past;
pub(crate) mod run;
pub(crate) mod self_test;
pub(crate) mod survive;
pub(crate) mod topology;
