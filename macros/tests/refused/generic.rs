use annals_macros::Event;

#[derive(Event)]
enum Noted<T> {
    #[event(name = "noted")]
    Noted(T),
}

fn main() {}
