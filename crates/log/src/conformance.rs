//! What every store does, as a test that an implementation runs on an empty one.

use crate::Store;

/// Panics where `store`, which is empty, does not do what [`Store`] says.
pub fn check(store: &mut dyn Store) {
    let list = |store: &dyn Store| store.segments().expect("segments can be listed");
    assert_eq!(list(store), [], "an empty store has no segments");

    store.append(7, 0, b"seven").expect("a segment is made by appending to it");
    store.append(2, 0, b"two").expect("segments are independent");
    store.append(7, 5, b" more").expect("a segment grows at its end");
    store.sync(7).expect("a segment can be synced");
    store.sync(2).expect("a segment can be synced");
    assert_eq!(list(store), [(2, 3), (7, 10)], "segments are listed by rising number");

    let mut into = [0; 6];
    assert_eq!(store.read(7, 2, &mut into).expect("a segment can be read"), 6, "all that was asked for is there");
    assert_eq!(&into, b"ven mo");
    assert_eq!(store.read(7, 8, &mut into).expect("a segment can be read"), 2, "fewer only at the end");
    assert_eq!(&into[..2], b"re");
    assert_eq!(store.read(7, 10, &mut into).expect("the end can be read"), 0);
    assert!(store.read(9, 0, &mut into).is_err(), "a segment that does not exist cannot be read");

    store.truncate(7, 5).expect("a segment can be cut");
    store.append(7, 5, b"!").expect("a cut segment grows at its new end");
    assert_eq!(store.read(7, 0, &mut into).expect("a segment can be read"), 6);
    assert_eq!(&into, b"seven!");
    store.truncate(2, 0).expect("a segment can be removed");
    store.truncate(2, 0).expect("removing it again is no error");
    assert_eq!(list(store), [(7, 6)], "a segment cut to nothing is gone");
}
