//! A clock that is set ahead erases nothing; one that is set back only postpones (R69). And for how long
//! the disk lasts.

use hotline::app::keeper::KeeperError;

use super::yard::{DUE, Yard};
use crate::manifest::town::{DAY, HOUR, MIDNIGHT};

fn is_ahead<T>(refused: &Result<T, KeeperError>) -> bool {
    matches!(refused, Err(KeeperError::ClockAhead { .. }))
}

#[tokio::test]
async fn a_clock_three_years_ahead_neither_lists_nor_destroys() {
    let yard = Yard::new("ahead", 1).await;
    yard.passes_until(MIDNIGHT + 2 * DAY).await;
    yard.set_clock(DUE);
    assert!(is_ahead(&yard.keeper.due(None, 9).await) && is_ahead(&yard.keeper.propose("wang").await));
    assert!(yard.keeper.clock().await.unwrap().ahead);
    let stands = |yard: &Yard| yard.town.maker.alarms.standing().iter().any(|alarm| alarm.name == "archive_clock");
    assert!(stands(&yard));
    // A restart does not make it true.
    let yard = yard.restart().await;
    assert!(is_ahead(&yard.keeper.propose("wang").await));
    // Right again.
    yard.set_clock(MIDNIGHT + 2 * DAY + HOUR);
    assert_eq!(yard.keeper.due(None, 9).await.unwrap().recordings, 0);
    assert!(!stands(&yard) && !yard.keeper.clock().await.unwrap().ahead);
}

#[tokio::test]
async fn a_jump_after_the_approval_stops_the_destruction_until_somebody_confirms_the_clock() {
    let yard = Yard::new("jump", 1).await;
    yard.passes_until(DUE).await;
    let id = yard.approved().await.proposed.batch;
    yard.set_clock(DUE + 366 * DAY);
    assert!(is_ahead(&yard.keeper.begin(&id, "wang").await));
    yard.set_clock(DUE);
    yard.keeper.begin(&id, "wang").await.unwrap();
    yard.set_clock(DUE + 366 * DAY);
    assert!(is_ahead(&yard.keeper.carry(&id).await));
    assert!(yard.town.maker.alarms.standing().iter().any(|alarm| alarm.name == "destruction"));
    assert_eq!(yard.verify().destroyed, 0);
    let other: jiff::civil::Date = "2029-11-25".parse().unwrap();
    let refused = yard.keeper.confirm_clock(other, "looked at another", "li").await;
    assert!(matches!(refused, Err(KeeperError::Refused { code: "clock_differs", .. })), "{refused:?}");
    let right = "2030-11-26".parse().unwrap();
    assert!(!yard.keeper.confirm_clock(right, "a year without power", "li").await.unwrap().ahead);
    yard.keeper.carry(&id).await.unwrap();
    assert_eq!(yard.verify().destroyed, 1);
}

#[tokio::test]
async fn a_clock_a_year_back_postpones() {
    let yard = Yard::new("back", 1).await;
    yard.passes_until(DUE).await;
    let id = yard.approved().await.proposed.batch;
    yard.set_clock(DUE - 366 * DAY);
    assert_eq!(yard.keeper.due(None, 9).await.unwrap().recordings, 0);
    yard.keeper.begin(&id, "wang").await.unwrap();
    let done = yard.keeper.carry(&id).await.unwrap();
    assert_eq!((done.destroyed, done.kept), (0, 1), "not before 2029-11-25");
    assert_eq!(yard.verify().faults, []);
}

#[tokio::test]
async fn the_forecast_tells_days_by_the_higher_rate_and_what_destruction_would_bring() {
    let yard = Yard::new("forecast", 3).await;
    yard.set_clock(MIDNIGHT + 2 * DAY);
    let forecast = yard.keeper.forecast().await.unwrap();
    let bytes = 3 * hotline_bytes();
    let rates: Vec<_> = forecast.rates.iter().map(|rate| (rate.days, rate.bytes)).collect();
    assert_eq!(rates, [(7, bytes), (30, bytes)]);
    let per_day = forecast.rates[0].bytes_per_day;
    assert!(per_day > bytes / 2 && per_day < bytes, "over the forty hours since the first: {per_day}");
    let free = forecast.free_bytes.unwrap();
    assert_eq!((forecast.days, forecast.due_recordings), (Some(free / per_day), 0));
    yard.set_clock(DUE);
    let forecast = yard.keeper.forecast().await.unwrap();
    assert_eq!(forecast.rates.iter().map(|rate| rate.bytes).collect::<Vec<_>>(), [0, 0]);
    assert_eq!((forecast.days, forecast.due_recordings, forecast.due_bytes), (None, 2, 2 * hotline_bytes()));
}

fn hotline_bytes() -> u64 {
    crate::facts::sealed_recording(1).bytes
}
