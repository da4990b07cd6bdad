use annals_macros::Event;

#[derive(Event)]
#[event(rename_all = "kebab-case")]
enum AccountEvent {
    #[event(named = "account-closed")]
    Closed,
}

fn main() {}
