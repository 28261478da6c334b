//! Changing type, place and text of a ticket, with an optimistic version.

use super::apply::Progress;
use super::entry::{Entry, TicketEdit};
use super::journal::{Journal, JournalError};
use super::query::Ticket;
use super::{Store, StoreError};

#[derive(Debug, thiserror::Error)]
pub enum EditError {
    #[error("there is no such ticket")]
    Unknown,
    /// Somebody else was quicker; here is what the ticket looks like now.
    #[error("the ticket has changed since it was read")]
    Stale(Box<Ticket>),
    #[error(transparent)]
    Journal(#[from] JournalError),
    #[error(transparent)]
    Store(#[from] StoreError),
    /// It is on disk in the journal, but the applier has ended before it got into the database.
    #[error("kept, but not yet in the database")]
    Pending,
}

/// Carries an edit out and returns the ticket after it. `progress` is the applier's; the edit
/// waits for it, so a caller sets its own time limit: an edit that is cut off is carried out all
/// the same if its version still fits.
pub async fn edit_ticket<S: Store>(
    journal: &Journal,
    progress: &mut Progress,
    store: &S,
    edit: TicketEdit,
) -> Result<Ticket, EditError> {
    let before = store.ticket(&edit.number).await?.ok_or(EditError::Unknown)?;
    if before.version != edit.version {
        return Err(EditError::Stale(Box::new(before)));
    }
    let (number, id) = (edit.number.clone(), edit.edit.clone());
    let receipt = journal.record(Entry::Edit(edit)).await?;
    if !progress.reaches(receipt.seq).await {
        return Err(EditError::Pending);
    }
    let after = store.ticket(&number).await?.ok_or(EditError::Unknown)?;
    match store.edit_outcome(&id).await? {
        Some(true) => Ok(after),
        Some(false) => Err(EditError::Stale(Box::new(after))),
        None => Err(EditError::Pending),
    }
}
