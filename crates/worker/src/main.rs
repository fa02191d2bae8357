//! The `worker` binary: configuration in, service out.

use std::process::ExitCode;

fn main() -> ExitCode {
    service_kit::boot::main(worker::run)
}
