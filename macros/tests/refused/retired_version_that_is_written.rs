use annals_macros::Event;

#[derive(Event)]
#[event(retired(name = "account-closed", version = 2, upcast = [one_to_two], into = nothing))]
enum AccountEvent {
    #[event(name = "account-closed", version = 2, upcast = [one_to_two])]
    Closed,
}

fn main() {}
