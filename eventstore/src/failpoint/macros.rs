//! What stands in the code: nothing, unless the feature is on.

/// Lets a test break in here, in an async function whose errors can be made of a
/// [`CheckpointError`](crate::postgres::CheckpointError). Nothing without the feature `failpoints`.
#[cfg(feature = "failpoints")]
#[doc(hidden)]
#[macro_export]
#[expect(clippy::crate_in_macro_def, reason = "each crate has points of its own")]
macro_rules! fail_point {
    ($point:ident) => {
        if $crate::failpoint::is_armed() {
            Box::pin(crate::failpoint::$point.hit())
                .await
                .map_err($crate::postgres::CheckpointError::from)?;
        }
    };
}

/// Nothing.
#[cfg(not(feature = "failpoints"))]
#[doc(hidden)]
#[macro_export]
macro_rules! fail_point {
    ($point:ident) => {};
}

/// The fail points of a crate, in its module `failpoint`, and `ALL` of them.
#[cfg(feature = "failpoints")]
#[doc(hidden)]
#[macro_export]
macro_rules! fail_points {
    ($($(#[$said:meta])* $point:ident,)+) => {
        $(
            $(#[$said])*
            #[allow(non_upper_case_globals)]
            pub static $point: $crate::failpoint::FailPoint = $crate::failpoint::FailPoint::new(stringify!($point));
        )+

        /// Every fail point of this crate.
        pub static ALL: &[&$crate::failpoint::FailPoint] = &[$(&$point),+];
    };
}

/// Nothing.
#[cfg(not(feature = "failpoints"))]
#[doc(hidden)]
#[macro_export]
macro_rules! fail_points {
    ($($(#[$said:meta])* $point:ident,)+) => {};
}
