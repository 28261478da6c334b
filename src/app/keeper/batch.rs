//! A batch: proposed by one, approved by two others, carried out recording by recording (R70).

use std::collections::HashSet;
use std::io;
use std::path::Path;
use std::sync::Arc;

use super::{Keeper, KeeperError, blocking, said, today};
use crate::app::manifest::key_file;
use crate::archive::destroy::{self, Tombstone};
use crate::archive::manifest::destroyed::{self, Head, Record};
use crate::archive::{manifest, sums};
use crate::rules::destruction::{Stays, Warrant, judge, stays};
use crate::rules::retention::local_text;
use crate::store::keeping::{Batch, Deed, Kept, Line, Outcome, Proposed, State};
use crate::time::Wall;

const ALARM: &str = "destruction";
/// Recordings in one batch; the next one takes the rest.
const MOST: usize = 100_000;
/// Lines in one entry of the journal.
const IN_ONE_ENTRY: usize = 500;
/// Recordings after which the journal is told what became of them.
const TOLD_AFTER: usize = 50;

impl Keeper {
    pub async fn batches(&self) -> Result<Vec<Batch>, KeeperError> {
        Ok(self.parts.store.batches(None).await?)
    }

    pub async fn batch(&self, id: &str) -> Result<Batch, KeeperError> {
        self.parts.store.batches(Some(id)).await?.into_iter().next().ok_or(KeeperError::NoSuch("batch"))
    }

    pub async fn lines(&self, id: &str) -> Result<Vec<(Line, Option<Outcome>)>, KeeperError> {
        Ok(self.parts.store.batch_lines(id).await?)
    }

    /// Makes the list of whatever is due now, and freezes it.
    pub async fn propose(&self, who: &str) -> Result<Batch, KeeperError> {
        let _one = self.carrying.lock().await;
        let now = self.now().await?;
        let (day, schedule) = (today(now), self.settings().schedule.clone());
        let mut lines: Vec<Line> = Vec::new();
        self.walk(day, |kept| {
            if kept.batch.is_none() && stays(&kept.standing(&schedule, None), day).is_none() {
                lines.extend(kept.line(&schedule));
            }
            lines.len() < MOST
        })
        .await?;
        if lines.is_empty() {
            return Err(KeeperError::refused("nothing_due", "nothing is due that is in no batch yet"));
        }
        lines.sort_by(|one, other| one.path.cmp(&other.path));
        let mut random = [0; 2];
        getrandom::fill(&mut random).map_err(io::Error::other)?;
        let id = format!("{day}-{:04x}", u16::from_be_bytes(random));
        let proposed = Proposed {
            batch: id.clone(),
            day: day.to_string(),
            schedule: schedule.version.clone(),
            recordings: lines.len(),
            bytes: lines.iter().map(|line| line.bytes).fold(0, u64::saturating_add),
            sha256: sum(&lines)?,
            by: who.to_owned(),
            at: now,
        };
        for some in lines.chunks(IN_ONE_ENTRY) {
            self.record(Deed::Lines { batch: id.clone(), lines: some.to_vec() }).await?;
        }
        self.record(Deed::Proposed(Box::new(proposed))).await?;
        self.batch(&id).await
    }

    pub async fn withdraw(&self, id: &str, reason: &str, who: &str) -> Result<Batch, KeeperError> {
        let reason = said("reason", reason)?;
        self.open_one(id).await?;
        let (batch, by, at) = (id.to_owned(), who.to_owned(), self.wall());
        self.record(Deed::Withdrawn { batch, reason, by, at }).await?;
        self.batch(id).await
    }

    pub async fn approve(&self, id: &str, who: &str) -> Result<Batch, KeeperError> {
        let batch = self.open_one(id).await?;
        if !batch.approval().takes(who) {
            let text = format!("{who} has proposed or approved it already: two others must approve");
            return Err(KeeperError::refused("same_person", text));
        }
        self.unchanged(&batch).await?;
        let sha256 = batch.proposed.sha256.clone();
        self.record(Deed::Approved { batch: id.to_owned(), sha256, by: who.to_owned(), at: self.wall() }).await?;
        self.batch(id).await
    }

    /// From here on it is carried out: by `carry`, or by the next start.
    pub async fn begin(&self, id: &str, who: &str) -> Result<Batch, KeeperError> {
        let batch = self.open_one(id).await?;
        if !batch.approval().is_whole() {
            return Err(KeeperError::refused("not_approved", "two people beside the proposer must approve it first"));
        }
        self.now().await?;
        self.unchanged(&batch).await?;
        self.record(Deed::Begun { batch: id.to_owned(), by: who.to_owned(), at: self.wall() }).await?;
        self.batch(id).await
    }

    async fn open_one(&self, id: &str) -> Result<Batch, KeeperError> {
        let batch = self.batch(id).await?;
        if batch.state == State::Proposed {
            Ok(batch)
        } else {
            Err(KeeperError::refused("batch_state", format!("batch {id} is {} already", batch.state)))
        }
    }

    /// The list in the database still is the one that was proposed.
    async fn unchanged(&self, batch: &Batch) -> Result<(), KeeperError> {
        let lines: Vec<Line> = self.lines(&batch.proposed.batch).await?.into_iter().map(|(line, _)| line).collect();
        if sum(&lines)? == batch.proposed.sha256 {
            return Ok(());
        }
        Err(KeeperError::refused("list_changed", "its list is not the one that was proposed: withdraw it"))
    }

    /// Goes on with whatever a crash has left.
    pub async fn resume(self: &Arc<Self>) {
        let synced = self.parts.journal.health().synced;
        if self.follow(synced).await.is_err() {
            tracing::warn!("the database does not follow; destruction goes on at the next start");
        }
        let Ok(batches) = self.batches().await else { return };
        for batch in batches.into_iter().filter(|batch| batch.state == State::Begun) {
            // What stands in its way stands as an alarm.
            let _ = self.carry(&batch.proposed.batch).await;
        }
    }

    /// Carries a batch out to its end, and writes its record. Err: it stops where it is, and can be gone on from.
    pub async fn carry(&self, id: &str) -> Result<Batch, KeeperError> {
        let _one = self.carrying.lock().await;
        let done = self.carry_out(id).await;
        let failed = done.as_ref().err().map(ToString::to_string);
        self.parts.alarms.now(ALARM, id, failed.is_some(), failed);
        done
    }

    async fn carry_out(&self, id: &str) -> Result<Batch, KeeperError> {
        let batch = self.batch(id).await?;
        match batch.state {
            State::Begun => {}
            State::Done => return Ok(batch),
            State::Proposed | State::Withdrawn => {
                return Err(KeeperError::refused("batch_state", format!("batch {id} is {}", batch.state)));
            }
        }
        self.unchanged(&batch).await?;
        let open = self.lines(id).await?.into_iter().filter(|(_, outcome)| outcome.is_none());
        let open: Vec<Line> = open.map(|(line, _)| line).collect();
        let mut outcomes = Vec::new();
        for line in &open {
            let outcome = self.destroy(&batch, line).await;
            let stopped = outcome.is_err();
            outcomes.extend(outcome.as_ref().ok().cloned());
            if outcomes.len() >= TOLD_AFTER || (stopped && !outcomes.is_empty()) {
                self.tell(id, &mut outcomes).await?;
            }
            outcome?;
        }
        if !outcomes.is_empty() {
            self.tell(id, &mut outcomes).await?;
        }
        let sha256 = self.publish(&batch).await?;
        self.record(Deed::Done { batch: id.to_owned(), sha256, at: self.wall() }).await?;
        let done = self.batch(id).await?;
        tracing::info!(batch = id, destroyed = done.destroyed, kept = done.kept, "a batch of recordings was destroyed");
        Ok(done)
    }

    async fn tell(&self, id: &str, outcomes: &mut Vec<Outcome>) -> Result<(), KeeperError> {
        self.record(Deed::Carried { batch: id.to_owned(), outcomes: outcomes.clone() }).await?;
        outcomes.clear();
        Ok(())
    }

    /// One recording: looked at once more, with no hold let in between the look and the deed.
    async fn destroy(&self, batch: &Batch, line: &Line) -> Result<Outcome, KeeperError> {
        let _turn = self.turn.lock().await;
        let folder = Path::new(&line.path).parent().unwrap_or(Path::new("")).display().to_string();
        let outcome = |at, stays| Outcome { path: line.path.clone(), at, stays };
        if let Some(tombstone) = self.begun(&folder, &batch.proposed.batch).await? {
            // It was destroyed by right, and a crash came before the journal knew.
            let root = self.parts.recordings.clone();
            blocking(move || destroy::finish(&root, &folder)).await?;
            return Ok(outcome(tombstone.destroyed_at, None));
        }
        let now = self.now().await?;
        let schedule = self.settings().schedule.clone();
        let Some(kept) = self.parts.store.kept(&line.path).await?.filter(|kept| !kept.destroyed) else {
            return Ok(outcome(now, Some(Stays::Unknown)));
        };
        let warrant = match judge(&batch.approval(), &kept.standing(&schedule, Some(line)), today(now)) {
            Ok(warrant) => warrant,
            Err(stays) => return Ok(outcome(now, Some(stays))),
        };
        let keep_until = kept.erasable_from(&schedule).map(|day| day.to_string()).unwrap_or_default();
        let term = kept.term(&schedule);
        let (class, basis) = (term.class.to_owned(), term.basis.to_owned());
        let tombstone = Tombstone {
            call: kept.sealed.call,
            ticket: kept.ticket.clone(),
            path: folder,
            ended: kept.sealed.ended,
            files: Vec::new(),
            keep_until,
            class,
            basis,
            batch: batch.proposed.batch.clone(),
            proposed_by: batch.proposed.by.clone(),
            approved_by: batch.approval().approved_by,
            destroyed: local_text(now),
            destroyed_at: now,
        };
        match self.remove(kept, tombstone, warrant).await {
            Ok(()) => Ok(outcome(now, None)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(outcome(now, Some(Stays::Missing))),
            Err(error) => Err(error.into()),
        }
    }

    async fn remove(&self, kept: Kept, tombstone: Tombstone, warrant: Warrant) -> io::Result<()> {
        let (shelf, root) = (Arc::clone(&self.parts.shelf), self.parts.recordings.clone());
        blocking(move || {
            let mut tombstone = tombstone;
            // An older row does not say; its side-car does.
            tombstone.files = match kept.sealed.files.is_empty() {
                false => kept.sealed.files,
                true => shelf.sealed(Path::new(&tombstone.path)).ok_or(io::ErrorKind::NotFound)?.files,
            };
            destroy::destroy(&root, &tombstone, warrant)
        })
        .await
    }

    /// The tombstone that this batch has left there already.
    async fn begun(&self, folder: &str, id: &str) -> io::Result<Option<Tombstone>> {
        let (root, folder) = (self.parts.recordings.clone(), folder.to_owned());
        match blocking(move || destroy::read(&root, &folder)).await {
            Ok(tombstone) if tombstone.batch == id => Ok(Some(tombstone)),
            Ok(_) => Err(io::Error::other("a tombstone of another batch lies there")),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The signed record, made of the tombstones; its SHA-256.
    async fn publish(&self, batch: &Batch) -> Result<String, KeeperError> {
        let lines = self.lines(&batch.proposed.batch).await?;
        let (manifests, root) = (self.manifests.clone(), self.parts.recordings.clone());
        let (key, hotline) = (key_file(&self.parts.data), self.parts.hotline.clone());
        let (batch, made): (Batch, Wall) = (batch.clone(), self.wall());
        let publish = move || {
            let key = manifests.open_key(&key)?;
            let id = &batch.proposed.batch;
            if let Some(Record { sha256, .. }) = manifests.read_record(id)? {
                manifests.sign_record(id, &key)?;
                return Ok(sha256);
            }
            let head = Head {
                format: manifest::FORMAT,
                batch: id.clone(),
                hotline,
                schedule: batch.proposed.schedule.clone(),
                list: batch.proposed.sha256.clone(),
                proposed_by: batch.proposed.by.clone(),
                approved_by: batch.approval().approved_by,
                carried_out_by: batch.begun_by.clone().unwrap_or_default(),
                made: local_text(made),
                previous: manifests.last_record(&key.public())?,
                key: key.public().id(),
            };
            let (mut gone, mut kept) = (Vec::new(), Vec::new());
            for (line, outcome) in lines {
                let folder = Path::new(&line.path).parent().unwrap_or(Path::new("")).display().to_string();
                match outcome.and_then(|outcome| outcome.stays) {
                    None => gone.push(destroy::read(&root, &folder)?),
                    Some(why) => {
                        kept.push(destroyed::Kept { path: folder, call: line.call, why: why.to_string() });
                    }
                }
            }
            let text = destroyed::text(head, gone, kept)?;
            manifests.publish_record(id, &text, &key)?;
            Ok(sums::sha256(&text))
        };
        Ok(blocking(publish).await?)
    }
}

/// Of the list in the order of its paths.
fn sum(lines: &[Line]) -> io::Result<String> {
    let mut text = Vec::new();
    let mut seen = HashSet::new();
    for line in lines {
        if !seen.insert(&line.path) {
            return Err(io::Error::other("a recording is on the list twice"));
        }
        serde_json::to_writer(&mut text, line)?;
        text.push(b'\n');
    }
    Ok(sums::sha256(&text))
}
