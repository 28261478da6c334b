//! R18 as a table: whom the hotline owes a call.

use hotline::rules::callback::{ATTEMPTS, Closed, GRACE, Task, answered, is_owed, missed, tried};
use hotline::time::Wall;

#[derive(Clone, Copy)]
enum Told {
    Missed(i64),
    Answered(i64),
    /// A call back at this time, reached or not.
    Tried(i64, bool),
}
use Told::*;

/// Tells one caller's story; minutes are counted from zero. Yields every task, oldest first.
fn tell(story: &[Told]) -> Vec<Task> {
    let at = |minute: i64| Wall(minute * 60_000);
    let mut tasks: Vec<Task> = Vec::new();
    let mut last_answered = None;
    for told in story {
        let open = tasks.pop_if(|task| task.closed.is_none());
        let next = match *told {
            Missed(minute) => missed(open, last_answered, at(minute)),
            Answered(minute) => {
                last_answered = last_answered.max(Some(at(minute)));
                open.map(|task| answered(task, at(minute)))
            }
            Tried(minute, reached) => open.map(|task| tried(task, at(minute), reached)),
        };
        tasks.extend(next);
    }
    tasks
}

#[test]
fn one_open_task_per_caller_closed_by_an_answer_or_three_attempts() {
    type Outcome = (u32, u32, Option<(i64, Closed)>);
    let table: &[(&str, &[Told], &[Outcome])] = &[
        ("missed once", &[Missed(0)], &[(1, 0, None)]),
        ("missed again: the same task", &[Missed(0), Missed(4), Missed(30)], &[(3, 0, None)]),
        ("got through at the second try", &[Missed(0), Answered(5)], &[(1, 0, Some((5, Closed::GotThrough)))]),
        ("got through long after", &[Missed(0), Answered(500)], &[(1, 0, Some((500, Closed::GotThrough)))]),
        ("answered before: still owed", &[Answered(0), Missed(5)], &[(1, 0, None)]),
        ("the answer was told first", &[Answered(5), Missed(3)], &[]),
        ("an answer between two misses, told late", &[Missed(0), Missed(9), Answered(5)], &[(2, 0, None)]),
        ("reached", &[Missed(0), Tried(11, true)], &[(1, 0, Some((11, Closed::Reached)))]),
        ("reached at last", &[Missed(0), Tried(11, false), Tried(12, true)], &[(1, 1, Some((12, Closed::Reached)))]),
        (
            "given up",
            &[Missed(0), Tried(11, false), Tried(60, false), Tried(120, false), Tried(121, true)],
            &[(1, ATTEMPTS, Some((120, Closed::Unreached)))],
        ),
        ("an attempt told twice", &[Missed(0), Tried(11, false), Tried(11, false)], &[(1, 1, None)]),
        (
            "missed after the task was closed: a new one",
            &[Missed(0), Answered(5), Missed(20)],
            &[(1, 0, Some((5, Closed::GotThrough))), (1, 0, None)],
        ),
    ];
    for (name, story, expected) in table {
        let tasks = tell(story);
        let outcome = |task: &Task| (task.misses, task.attempts, task.closed.map(|(at, why)| (at.0 / 60_000, why)));
        assert_eq!(tasks.iter().map(outcome).collect::<Vec<_>>(), *expected, "{name}");
    }
}

#[test]
fn a_task_is_due_ten_minutes_after_the_first_miss() {
    let grace = i64::try_from(GRACE.as_millis()).unwrap();
    assert_eq!(grace, 600_000);
    for (name, story, at, due) in [
        ("a moment before", vec![Missed(0)], Wall(grace - 1), false),
        ("then", vec![Missed(0)], Wall(grace), true),
        ("trying again in vain does not put it off", vec![Missed(0), Missed(9)], Wall(grace), true),
        ("not once it is closed", vec![Missed(0), Answered(9)], Wall(grace), false),
    ] {
        assert_eq!(tell(&story)[0].is_due(at), due, "{name}");
    }
}

#[test]
fn a_withheld_or_wrong_number_leaves_no_task() {
    let table = [(true, true, true), (false, true, false), (true, false, false), (false, false, false)];
    for (caller, hotline, owed) in table {
        assert_eq!(is_owed(caller.then_some("+8613800000001"), hotline), owed);
    }
    for caller in ["110", "12345", "+8679112345", "*21*900900#", "-----", "", "+", "4444444444444444444444444444"] {
        assert!(!is_owed(Some(caller), true), "{caller}");
    }
}
