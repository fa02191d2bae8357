//! Progress of a build, read from the lines of either builder.

/// A build has begun a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Step {
    /// Position, from 1.
    pub(crate) number: u32,
    /// How many there are.
    pub(crate) of: u32,
}

/// Reads `Step 3/8 : RUN …` of the classic builder and `#7 [3/8] RUN …` or `#7 [stage-0 3/8] RUN …` of
/// BuildKit; `None` for every other line.
pub(crate) fn parse(line: &str) -> Option<Step> {
    let fraction = match line.strip_prefix("Step ") {
        Some(rest) => rest.split_once(" : ")?.0,
        None => {
            let (mark, rest) = line.strip_prefix('#')?.split_once(" [")?;
            mark.parse::<u32>().ok()?;
            rest.split_once("] ")?.0.rsplit(' ').next()?
        }
    };
    let (number, of) = fraction.split_once('/')?;
    Some(Step {
        number: number.trim().parse().ok()?,
        of: of.trim().parse().ok()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_of_both_builders_are_read() {
        for line in [
            "Step 3/8 : RUN apt-get update",
            "#7 [3/8] RUN apt-get update",
            "#12 [stage-0 3/8] COPY a b",
            "#7 [ 3/8] RUN x",
        ] {
            assert_eq!(parse(line), Some(Step { number: 3, of: 8 }), "{line}");
        }
    }

    #[test]
    fn other_lines_are_not_steps() {
        for line in [
            "",
            " ---> Running in 0123",
            "Step by step",
            "Step x/8 : RUN",
            "#1 [internal] load build definition from Dockerfile",
            "#7 0.512 Get:1 http://deb.debian.org [3/8] x",
            "# [3/8] comment",
            "Get:3 [1/2] x",
        ] {
            assert_eq!(parse(line), None, "{line}");
        }
    }
}
