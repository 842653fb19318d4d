//! What is asked of the machine's memory where tables are larger than its caches: lines ahead of their use, and large pages.

/// Asks for a value to be near when it is read.
#[inline]
pub(super) fn prefetch<T>(at: &T) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: a hint, which reads nothing and cannot fault.
    unsafe {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        _mm_prefetch::<_MM_HINT_T0>(std::ptr::from_ref(at).cast());
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = at;
}

/// Tables from this size on are worth large pages.
const LARGE_BYTES_MIN: usize = 8 << 20;

/// Asks for large pages behind all of a table's capacity: it is read at random, and each page has to be found anew. A hint; where the
/// system has none, nothing happens.
pub(super) fn large_pages<T>(table: &Vec<T>) {
    let bytes = table.capacity() * size_of::<T>();
    if bytes < LARGE_BYTES_MIN {
        return;
    }
    #[cfg(target_os = "linux")]
    {
        const PAGE: usize = 4_096;
        let start = (table.as_ptr() as usize).next_multiple_of(PAGE);
        let end = (table.as_ptr() as usize + bytes) / PAGE * PAGE;
        // SAFETY: whole pages of this vector's own allocation; the advice changes nothing of what they hold.
        unsafe {
            libc::madvise(start as *mut libc::c_void, end - start, libc::MADV_HUGEPAGE);
        }
    }
}
