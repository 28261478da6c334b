//! For how many days the disk lasts.

use std::time::Duration;

use super::{Keeper, KeeperError, today};
use crate::app::watch::free_bytes;
use crate::time::Wall;

const ALARM: &str = "archive_forecast";
const DAY_MS: i64 = 24 * 3_600_000;
const SPANS: [u32; 2] = [7, 30];
/// Less than a day of recordings tells nothing of a rate.
const SHORTEST: Duration = Duration::from_secs(24 * 3600);

#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct Forecast {
    /// Of the recordings' disk; None: it cannot be asked.
    pub free_bytes: Option<u64>,
    pub rates: Vec<Rate>,
    /// By the higher of the rates; None: nothing was recorded, or the disk cannot be asked.
    pub days: Option<u64>,
    /// An alarm stands below this; 0: never.
    pub alarm_below_days: u32,
    /// What could be destroyed today, if a batch is made and approved. Until then it takes its room.
    pub due_recordings: usize,
    pub due_bytes: u64,
    /// `days` if it were.
    pub days_if_destroyed: Option<u64>,
}

#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct Rate {
    /// Over the last so many days, or since the first recording where that is shorter.
    pub days: u32,
    pub bytes: u64,
    pub bytes_per_day: u64,
}

impl Keeper {
    pub async fn forecast(&self) -> Result<Forecast, KeeperError> {
        let due = self.due(Some(today(self.wall())), 0).await?;
        let mut forecast = self.rates().await?;
        forecast.due_recordings = due.recordings;
        forecast.due_bytes = due.bytes;
        forecast.days_if_destroyed = lasts(&forecast, due.bytes);
        Ok(forecast)
    }

    async fn rates(&self) -> Result<Forecast, KeeperError> {
        let (now, store) = (self.wall(), &self.parts.store);
        let mut rates = Vec::new();
        if let Some((oldest, _)) = store.recorded().await? {
            for days in SPANS {
                let from = Wall(now.0.saturating_sub(i64::from(days) * DAY_MS)).max(oldest);
                let bytes = store.recorded_bytes(from, now).await?;
                let length = now.0.saturating_sub(from.0).max(millis(SHORTEST));
                let per_day = u128::from(bytes) * u128::from(DAY_MS.unsigned_abs()) / u128::from(length.unsigned_abs());
                rates.push(Rate { days, bytes, bytes_per_day: u64::try_from(per_day).unwrap_or(u64::MAX) });
            }
        }
        let mut forecast = Forecast {
            free_bytes: free_bytes(&self.parts.recordings),
            rates,
            days: None,
            alarm_below_days: self.settings().forecast_days,
            due_recordings: 0,
            due_bytes: 0,
            days_if_destroyed: None,
        };
        forecast.days = lasts(&forecast, 0);
        Ok(forecast)
    }

    pub(super) async fn watch_disk(&self) {
        let Ok(forecast) = self.rates().await else { return };
        let few = forecast.days.filter(|days| *days < u64::from(forecast.alarm_below_days));
        let told = few.map(|days| format!("room for {days} days at the present rate: hotline archive forecast"));
        self.parts.alarms.now(ALARM, "", few.is_some(), told);
    }
}

fn millis(time: Duration) -> i64 {
    i64::try_from(time.as_millis()).unwrap_or(i64::MAX)
}

fn lasts(forecast: &Forecast, more: u64) -> Option<u64> {
    let rate = forecast.rates.iter().map(|rate| rate.bytes_per_day).max()?;
    forecast.free_bytes?.saturating_add(more).checked_div(rate)
}
