//! Slows the disk of one container down, through the files of its control group. Nothing holds this: whoever asks must
//! have it taken back.

use std::{
    fs,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
};

use nix::sys::stat::{major, minor};

/// Where the control group of the container is mounted.
const GROUP: &str = "/control-group";

/// How a generation of control groups writes a limit down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Generation {
    One,
    Two,
}

impl Generation {
    const ALL: [Self; 2] = [Self::One, Self::Two];

    fn file(self) -> PathBuf {
        Path::new(GROUP).join(match self {
            Self::One => "blkio.throttle.write_iops_device",
            Self::Two => "io.max",
        })
    }

    fn limit(self, device: &str, writes_per_s: Option<u32>) -> String {
        match (self, writes_per_s) {
            (Self::One, limit) => format!("{device} {}", limit.unwrap_or(0)),
            (Self::Two, Some(limit)) => format!("{device} wiops={limit}"),
            (Self::Two, None) => format!("{device} wiops=max"),
        }
    }

    /// The devices whose writes are limited, out of the file's text.
    fn limited(self, text: &str) -> Vec<&str> {
        let lines = text.lines().filter(|line| match self {
            Self::One => true,
            Self::Two => line.contains("wiops=") && !line.contains("wiops=max"),
        });
        lines.filter_map(|line| line.split(' ').next()).collect()
    }
}

/// Lets the container do at most so many writes a second on the disk under a directory. Says on which device.
///
/// # Errors
/// When the directory is on no disk, the container is limited already, or the kernel refuses.
pub fn throttle(directory: &Path, writes_per_s: u32) -> Result<String, String> {
    let device = disk(directory)?;
    let (generation, text) = read()?;
    if !generation.limited(&text).is_empty() {
        return Err(format!("its writes are limited already: {}", text.trim()));
    }
    write(generation, &device, Some(writes_per_s))?;
    Ok(device)
}

/// Takes every limit on writes away, and names the devices. Nothing limited is fine.
///
/// # Errors
/// When the kernel refuses.
pub fn unthrottle() -> Result<Vec<String>, String> {
    let (generation, text) = read()?;
    let mut freed = vec![];
    for device in generation.limited(&text) {
        write(generation, device, None)?;
        freed.push(device.to_owned());
    }
    Ok(freed)
}

fn read() -> Result<(Generation, String), String> {
    let found = Generation::ALL
        .into_iter()
        .find(|generation| generation.file().exists());
    let generation = found.ok_or("this kernel can't limit the writes of a control group")?;
    let text = fs::read_to_string(generation.file());
    let text = text.map_err(|error| format!("{}: {error}", generation.file().display()))?;
    Ok((generation, text))
}

fn write(generation: Generation, device: &str, limit: Option<u32>) -> Result<(), String> {
    let (file, line) = (generation.file(), generation.limit(device, limit));
    fs::write(&file, &line).map_err(|error| format!("{line:?} to {}: {error}", file.display()))
}

/// The whole disk under a directory, as `254:0`: partitions have no limits of their own.
fn disk(directory: &Path) -> Result<String, String> {
    let place = directory.display();
    let device = fs::metadata(directory).map_err(|error| format!("{place}: {error}"))?;
    let device = device.dev();
    if major(device) == 0 {
        return Err(format!(
            "{place} is on no disk: a file system in memory or an overlay has no writes to limit"
        ));
    }
    let device = format!("{}:{}", major(device), minor(device));
    let known = Path::new("/sys/dev/block").join(&device);
    if !known.join("partition").exists() {
        return Ok(device);
    }
    let parent = fs::canonicalize(&known).ok();
    let parent = parent.and_then(|path| fs::read_to_string(path.parent()?.join("dev")).ok());
    let parent = parent.ok_or_else(|| format!("{place}: no disk with partition {device}"))?;
    Ok(parent.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_generations_write_a_limit_and_take_it_away() {
        let lines = |generation: Generation| [Some(20), None].map(|l| generation.limit("254:0", l));
        assert_eq!(lines(Generation::One), ["254:0 20", "254:0 0"]);
        assert_eq!(
            lines(Generation::Two),
            ["254:0 wiops=20", "254:0 wiops=max"]
        );
    }

    #[test]
    fn limited_devices_are_found_and_others_are_not() {
        assert_eq!(
            Generation::One.limited("254:0 20\n8:0 5\n"),
            ["254:0", "8:0"]
        );
        let text =
            "8:0 rbps=max wbps=max riops=max wiops=20\n254:0 rbps=1 wbps=max riops=max wiops=max\n";
        assert_eq!(Generation::Two.limited(text), ["8:0"]);
        assert!(Generation::One.limited("").is_empty());
    }

    #[test]
    fn what_is_on_no_disk_is_refused() {
        let error = disk(Path::new("/proc")).unwrap_err();
        assert!(error.contains("/proc is on no disk"), "{error}");
        assert!(disk(Path::new("/no/such/place")).is_err());
    }
}
