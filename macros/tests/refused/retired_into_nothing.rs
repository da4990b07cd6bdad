use annals_macros::Event;

#[derive(Event)]
#[event(retired(name = "account-opened"))]
enum AccountEvent {
    #[event(name = "account-closed")]
    Closed,
}

fn main() {}
