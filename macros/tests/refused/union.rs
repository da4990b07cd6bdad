use annals_macros::Event;

#[derive(Event)]
union Either {
    one: u32,
    other: f32,
}

fn main() {}
