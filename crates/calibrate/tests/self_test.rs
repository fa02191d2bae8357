//! The self-test as users run it, only less long.

use calibrate::{Scale, self_test};
use judge::Verdict;

/// A machine that is too busy to measure on proves nothing, and says so; it is not what is tested here.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_known_is_measured() {
    let table = self_test(Scale::SHORT, |step| println!("{step}")).await;
    let table = table.unwrap();
    println!("{table}");
    assert_eq!(table.rows.len(), 24);
    assert_ne!(table.verdict(), Verdict::Broken, "\n{table}");
    for row in &table.rows {
        let is_told = row.verdict == Verdict::Held || !row.why.is_empty();
        assert!(is_told, "{row:?} is unproven without a reason");
    }
}
