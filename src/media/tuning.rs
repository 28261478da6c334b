//! What a reload changes while calls go on. The media threads read it at its next use; the lock is
//! held for the swap of a pointer only.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use crate::call::Prompt;

use super::prompt::{Clip, PromptShelf};

#[derive(Debug)]
pub(super) struct Tuning {
    prompts: RwLock<PromptShelf>,
    silence_ms: AtomicU64,
}

impl Tuning {
    pub fn new(prompts: PromptShelf, silence: Duration) -> Self {
        Self { prompts: RwLock::new(prompts), silence_ms: AtomicU64::new(millis(silence)) }
    }

    pub fn set(&self, prompts: PromptShelf, silence: Duration) {
        *self.prompts.write().unwrap_or_else(PoisonError::into_inner) = prompts;
        self.silence_ms.store(millis(silence), Ordering::Relaxed);
    }

    pub fn clips(&self, prompts: &[Prompt]) -> Vec<Arc<Clip>> {
        self.prompts.read().unwrap_or_else(PoisonError::into_inner).clips(prompts)
    }

    /// T_rtp.
    pub fn silence(&self) -> Duration {
        Duration::from_millis(self.silence_ms.load(Ordering::Relaxed))
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
