//! Every page of the API and what it takes to see it: there is no other place where one is added.

use axum::Router;
use axum::handler::Handler;
use axum::middleware::from_fn_with_state;
use axum::routing::{MethodFilter, MethodRouter, on};

use super::{
    accounts, alarms, archive, audio, audit, calls, course, directory, emergency, error, keeping, login, mirrors,
    missed, package, recordings, reload, seats, sessions, tickets,
};
use crate::app::Office;
use crate::rules::access::Right;

/// What a visitor needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// Anybody's.
    Nothing,
    /// Whoever is signed in.
    Session,
    Right(Right),
    /// The right, and to be of the city's centre: a page that cannot be told apart by centres (R13).
    City(Right),
}

pub struct Route {
    pub method: &'static str,
    /// Below `/api`.
    pub path: &'static str,
    pub need: Need,
    page: MethodRouter<Office>,
}

/// The whole table.
pub fn routes() -> Vec<Route> {
    use Need::{City, Nothing, Session};
    use Right::*;
    let right = Need::Right;
    vec![
        route("POST", "/login", Nothing, accounts::sign_in),
        route("POST", "/logout", Session, accounts::sign_out),
        route("GET", "/me", Session, accounts::me),
        route("POST", "/me", Session, accounts::change_own),
        route("GET", "/calls", right(ReadLists), calls::list),
        route("POST", "/calls/{call}/supervise", right(Supervise), calls::supervise),
        route("GET", "/seats", right(SeeSeats), seats::list),
        route("POST", "/seats/{no}/ask", right(CommandSeat), seats::ask),
        route("GET", "/seats/{no}/history", right(SeeSeats), seats::history),
        route("GET", "/tickets", right(ReadLists), tickets::list),
        route("GET", "/tickets/{number}", right(ReadTicket), tickets::one),
        route("PATCH", "/tickets/{number}", right(ChangeTicket), tickets::change),
        route("POST", "/tickets/{number}/duty", right(ChangeTicket), emergency::duty),
        route("POST", "/tickets/{number}/handover", right(ChangeTicket), emergency::handover),
        route("GET", "/directory", right(SeeSeats), directory::list),
        route("GET", "/sessions", City(ReadLists), sessions::list),
        route("GET", "/reconciliation", City(ReadLists), archive::reconciliation),
        route("GET", "/archive/recordings/{call}", City(KeepArchive), keeping::recording),
        route("POST", "/archive/classes", City(KeepArchive), keeping::class),
        route("POST", "/archive/tickets/{number}", City(KeepArchive), keeping::ticket),
        route("GET", "/archive/holds", City(KeepArchive), keeping::holds),
        route("POST", "/archive/holds", City(KeepArchive), keeping::hold),
        route("POST", "/archive/holds/{case}/lift", City(KeepArchive), keeping::lift),
        route("GET", "/archive/due", City(KeepArchive), keeping::due),
        route("POST", "/archive/batches", City(KeepArchive), keeping::propose),
        route("GET", "/archive/batches", City(ApproveDestruction), keeping::batches),
        route("GET", "/archive/batches/{batch}", City(ApproveDestruction), keeping::batch),
        route("POST", "/archive/batches/{batch}/approve", City(ApproveDestruction), keeping::approve),
        route("POST", "/archive/batches/{batch}/withdraw", City(KeepArchive), keeping::withdraw),
        route("POST", "/archive/batches/{batch}/destroy", City(KeepArchive), keeping::destroy),
        route("GET", "/archive/clock", City(ApproveDestruction), keeping::clock),
        route("POST", "/archive/clock", City(ApproveDestruction), keeping::confirm_clock),
        route("GET", "/archive/forecast", City(ReadLists), keeping::forecast),
        route("GET", "/missed", right(ReadLists), missed::list),
        route("GET", "/callbacks", City(ReadLists), missed::callbacks),
        route("GET", "/recordings", right(ReadLists), recordings::list),
        route("GET", "/recordings/{call}", right(ReadLists), recordings::one),
        route("GET", "/recordings/{call}/accesses", right(ReadAudit), recordings::accesses),
        route("GET", "/recordings/{call}/audio", right(HearRecordings), audio::download),
        route("GET", "/recordings/{call}/timeline", right(ReadLists), course::timeline),
        route("GET", "/recordings/{call}/peaks", right(HearRecordings), course::peaks),
        route("GET", "/recordings/{call}/play", right(HearRecordings), audio::play),
        route("GET", "/recordings/{call}/export", right(HearRecordings), audio::export),
        route("GET", "/mirrors", right(ReadAlarms), mirrors::list),
        route("GET", "/recordings/{call}/package", right(HearRecordings), package::package),
        route("GET", "/alarms", right(ReadAlarms), alarms::list),
        route("POST", "/reload", right(Operate), reload::reload),
        route("GET", "/accounts", right(ManageAccounts), accounts::list),
        route("POST", "/accounts", right(ManageAccounts), accounts::add),
        route("POST", "/accounts/{name}", right(ManageAccounts), accounts::change),
        route("GET", "/audit", right(ReadAudit), audit::list),
    ]
}

fn route<H: Handler<T, Office>, T: 'static>(method: &'static str, path: &'static str, need: Need, page: H) -> Route {
    let filter = match method {
        "POST" => MethodFilter::POST,
        "PATCH" => MethodFilter::PATCH,
        _ => MethodFilter::GET,
    };
    Route { method, path, need, page: on(filter, page) }
}

/// All below `/api`.
pub fn api(office: &Office) -> Router<Office> {
    let (open, guarded): (Vec<Route>, Vec<Route>) = routes().into_iter().partition(|route| route.need == Need::Nothing);
    let add = |router: Router<Office>, route: Route| {
        let guard = from_fn_with_state((office.clone(), route.need), login::guard);
        router.route(route.path, route.page.layer::<_, std::convert::Infallible>(guard))
    };
    let inside = guarded.into_iter().fold(Router::new(), add);
    let inside = inside
        .fallback(error::no_page)
        .method_not_allowed_fallback(error::no_method)
        .layer(from_fn_with_state(office.clone(), login::enter));
    open.into_iter().fold(inside, |router, route| router.route(route.path, route.page))
}
