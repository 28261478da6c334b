//! What every implementation of the store must do.

/// Runs each of these on every implementation.
macro_rules! contract {
    ($($name:ident)*) => {
        mod sqlite {
            $(#[tokio::test]
            async fn $name() {
                let folder = crate::facts::Folder::new(stringify!($name));
                super::$name(hotline::store::sqlite::Sqlite::new(&folder.join("hotline.db"))).await;
            })*
        }
        mod memory {
            $(#[tokio::test]
            async fn $name() {
                super::$name(hotline::store::memory::Memory::default()).await;
            })*
        }
    };
}
