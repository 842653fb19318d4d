//! What the running process has used.

use std::time::Duration;

/// The most memory this process has held so far, in bytes; 0 where the system does not tell.
pub fn peak_resident_bytes() -> u64 {
    std::fs::read_to_string("/proc/self/status").ok().and_then(|status| peak_of(&status)).unwrap_or(0)
}

fn peak_of(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|l| l.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix("kB")?.trim_end().parse::<u64>().ok().map(|kib| kib * 1024)
}

/// The processor time that all threads of this process have taken so far, to a hundredth of a second; 0 where the system does not tell.
pub fn processor_time() -> Duration {
    std::fs::read_to_string("/proc/self/stat").ok().and_then(|stat| processor_time_of(&stat)).unwrap_or_default()
}

fn processor_time_of(stat: &str) -> Option<Duration> {
    // The name, in brackets, may hold anything; user and system time are the 12th and 13th behind it, in ticks of 10 ms.
    let mut fields = stat[stat.rfind(')')? + 1..].split_ascii_whitespace().skip(11);
    let ticks = fields.next()?.parse::<u64>().ok()? + fields.next()?.parse::<u64>().ok()?;
    Some(Duration::from_millis(ticks * 10))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_is_read_from_the_status_of_the_process() {
        let check =
            |stat, expected: Option<u64>| assert_eq!(processor_time_of(stat), expected.map(Duration::from_millis));
        check("7 (a) b) R 1 7 7 0 -1 4194304 90 0 0 0 250 31 0 0 20 0 1 0", Some(2_810));
        check("7 (a) R 1", None);
        check("", None);
    }

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
