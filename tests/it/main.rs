
mod facts;
mod journal;
