//! What the running process has used.

/// The most memory this process has held so far, in bytes; 0 where the system does not tell.
pub fn peak_resident_bytes() -> u64 {
    std::fs::read_to_string("/proc/self/status").ok().and_then(|status| peak_of(&status)).unwrap_or(0)
}

fn peak_of(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|l| l.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix("kB")?.trim_end().parse::<u64>().ok().map(|kib| kib * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_peak_is_read_from_the_status_of_the_process() {
        let check = |status, expected| assert_eq!(peak_of(status), expected, "{status:?}");
        check("Name:\tx\nVmHWM:\t    5124 kB\nVmRSS:\t 4000 kB\n", Some(5124 * 1024));
        check("Name:\tx\n", None);
        check("VmHWM:\tmany kB\n", None);
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn this_process_has_used_memory() {
        assert!(peak_resident_bytes() > 1 << 16);
    }
}
