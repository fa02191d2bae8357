//! Gathering messages into batches: one commit for many readings, and no reading waits long for company.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::{Instant, timeout_at};
use uuid::Uuid;
use wire::{PATIENTS, Reading};

/// Readings per transaction.
pub const MOST: usize = 100;
/// The next batch, or `None` when the sender is gone and everything was taken. Each item waits for others no longer than
/// `linger` says of it.
pub async fn gather<T>(
    receiver: &mut mpsc::Receiver<T>,
    linger: impl Fn(&T) -> Duration,
) -> Option<Vec<T>> {
    let first = receiver.recv().await?;
    let mut until = Instant::now() + linger(&first);
    let mut batch = vec![first];
    while batch.len() < MOST {
        match timeout_at(until, receiver.recv()).await {
            Ok(Some(item)) => {
                until = until.min(Instant::now() + linger(&item));
                batch.push(item);
            }
            Ok(None) | Err(_) => break,
        }
    }
    Some(batch)
}

/// A message's reading, or why there is none.
pub fn parse(payload: &[u8]) -> Result<Reading, String> {
    let reading: Reading = serde_json::from_slice(payload).map_err(|error| error.to_string())?;
    match (1..=PATIENTS).contains(&reading.patient_id) {
        true => Ok(reading),
        false => Err(format!("there is no patient {}", reading.patient_id)),
    }
}

/// Each reading once, ordered by id: two workers that meet the same readings then lock them in the same order.
pub fn distinct(readings: impl IntoIterator<Item = Reading>) -> Vec<Reading> {
    let by_id: BTreeMap<Uuid, Reading> = readings
        .into_iter()
        .map(|reading| (reading.reading_id, reading))
        .collect();
    by_id.into_values().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINGER: Duration = Duration::from_millis(20);

    #[tokio::test(start_paused = true)]
    async fn a_full_batch_does_not_wait_and_a_lone_message_waits_for_the_linger_only() {
        let (sender, mut receiver) = mpsc::channel(500);
        for number in 0..=MOST {
            sender.send(number).await.unwrap();
        }
        let began = Instant::now();
        assert_eq!(gather(&mut receiver, |_| LINGER).await.unwrap().len(), MOST);
        assert_eq!(began.elapsed(), Duration::ZERO);
        assert_eq!(gather(&mut receiver, |_| LINGER).await.unwrap(), [MOST]);
        assert_eq!(began.elapsed(), LINGER);
    }

    #[tokio::test(start_paused = true)]
    async fn the_least_patient_decides_when_a_batch_goes() {
        let (sender, mut receiver) = mpsc::channel(5);
        let began = Instant::now();
        tokio::spawn(async move {
            for wait_ms in [0_u64, 500, 1000] {
                tokio::time::sleep_until(began + Duration::from_millis(wait_ms)).await;
                sender.send(wait_ms).await.unwrap();
            }
        });
        let linger = |wait_ms: &u64| Duration::from_millis(if *wait_ms == 500 { 200 } else { 800 });
        assert_eq!(gather(&mut receiver, linger).await.unwrap(), [0, 500]);
        assert_eq!(began.elapsed(), Duration::from_millis(700));
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_left_is_delivered_before_the_end() {
        let (sender, mut receiver) = mpsc::channel(5);
        sender.send(1).await.unwrap();
        drop(sender);
        assert_eq!(gather(&mut receiver, |_| LINGER).await, Some(vec![1]));
        assert_eq!(gather(&mut receiver, |_| LINGER).await, None);
    }

    fn reading(id: u128) -> Reading {
        Reading {
            reading_id: Uuid::from_u128(id),
            patient_id: 1,
            taken_at_ms: 1,
            heart_rate: 70,
            spo2: 98,
            systolic: 120,
        }
    }

    #[test]
    fn duplicates_go_and_order_is_by_id() {
        let readings = distinct([reading(3), reading(1), reading(3)]);
        assert_eq!(readings, [reading(1), reading(3)]);
    }

    #[test]
    fn poison_is_told_from_readings() {
        let good = serde_json::to_vec(&reading(1)).unwrap();
        assert_eq!(parse(&good), Ok(reading(1)));
        assert!(parse(b"{}").is_err());
        let stranger = Reading {
            patient_id: PATIENTS + 1,
            ..reading(1)
        };
        assert!(parse(&serde_json::to_vec(&stranger).unwrap()).is_err());
    }
}
