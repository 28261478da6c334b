//! The list of what is missing, and its repair when a late packet comes after all.

/// Lines kept of one side. A source that loses every other packet for hours is counted beyond.
const MOST: usize = 20_000;

/// Why audio is missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Missing {
    /// It never reached us.
    Lost,
    /// It reached us, and the recorder's queue was full.
    Dropped,
    /// The disk did not take it.
    Disk,
}

/// A stretch of silence in the file where there should be speech.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gap {
    /// Sample of the call's clock at which it begins.
    pub start: u64,
    /// Samples.
    pub len: u64,
    pub packets: u32,
    pub why: Missing,
}

/// The gaps of one side, oldest first.
#[derive(Clone, Debug, Default)]
pub(super) struct Gaps {
    /// Sequence number of the first missing packet beside each gap, counted on beyond 16 bits.
    firsts: Vec<i64>,
    gaps: Vec<Gap>,
    unlisted: u32,
}

impl Gaps {
    pub(super) fn add(&mut self, first: i64, gap: Gap) {
        if self.gaps.len() < MOST {
            self.firsts.push(first);
            self.gaps.push(gap);
        } else {
            self.unlisted = self.unlisted.saturating_add(1);
        }
    }

    /// Packet `sequence`, `len` samples at `at`, came late: it is missing no more.
    pub(super) fn fill(&mut self, sequence: i64, at: u64, len: u64) {
        let Some(index) = self.firsts.iter().rposition(|first| *first <= sequence) else { return };
        let (Some(first), Some(gap)) = (self.firsts.get(index).copied(), self.gaps.get(index).copied()) else { return };
        let before = u32::try_from(sequence - first).unwrap_or(u32::MAX);
        if before >= gap.packets {
            return;
        }
        let after = gap.packets - before - 1;
        let end = gap.start + gap.len;
        let at = at.clamp(gap.start, end);
        let behind = at.saturating_add(len).min(end);
        let kept = [
            (first, Gap { len: at - gap.start, packets: before, ..gap }),
            (sequence + 1, Gap { start: behind, len: end - behind, packets: after, ..gap }),
        ];
        let kept = kept.into_iter().filter(|(_, gap)| gap.packets > 0);
        let (firsts, gaps): (Vec<i64>, Vec<Gap>) = kept.unzip();
        self.firsts.splice(index..=index, firsts);
        self.gaps.splice(index..=index, gaps);
    }

    pub(super) fn list(&self) -> &[Gap] {
        &self.gaps
    }

    pub(super) fn count(&self) -> u32 {
        u32::try_from(self.gaps.len()).unwrap_or(u32::MAX).saturating_add(self.unlisted)
    }
}
