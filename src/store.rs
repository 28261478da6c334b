//! Tickets, calls and seats on disk: an fsynced answer journal in front of a database.
