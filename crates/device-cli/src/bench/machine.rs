//! What the system says of this machine and of the server's process.

use std::fs;
use std::thread;
use std::time::Duration;

use serde::Serialize;

/// The unit in which Linux tells programs about CPU time, whatever the kernel's own is.
const TICKS_PER_SECOND: u64 = 100;

/// A process of this machine, if its id is known.
#[derive(Clone, Copy)]
pub(crate) struct Process(pub(crate) Option<u32>);

/// Bytes of memory that a process occupies.
#[derive(Clone, Copy, Serialize)]
pub(crate) struct Memory {
    pub(crate) now: u64,
    pub(crate) peak: u64,
}

impl Process {
    /// The CPU time that it has used; `None` if the system does not tell.
    pub(crate) fn cpu(self) -> Option<Duration> {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.0?)).ok()?;
        // The name in front is in parentheses, and may contain any other character.
        let mut fields = stat.rsplit_once(") ")?.1.split(' ').skip(11);
        let mut ticks = || fields.next()?.parse::<u64>().ok();
        let total = ticks()? + ticks()?;
        Some(Duration::from_millis(total * 1000 / TICKS_PER_SECOND))
    }

    /// Its memory; `None` if the system does not tell.
    pub(crate) fn memory(self) -> Option<Memory> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.0?)).ok()?;
        let kilobytes = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name))?;
            line.trim().trim_end_matches(" kB").parse::<u64>().ok()
        };
        Some(Memory { now: kilobytes("VmRSS:")? * 1024, peak: kilobytes("VmHWM:")? * 1024 })
    }
}

/// The machine in one line: its CPU and how many of its cores this process may use.
pub(crate) fn describe() -> String {
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = info.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    let model = model.map_or(std::env::consts::ARCH, |(_, model)| model);
    format!("{model}, {cores} cores, {}", std::env::consts::OS)
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn the_system_tells_of_this_process() {
        let this = Process(Some(std::process::id()));
        let before = this.cpu().unwrap();
        let started = std::time::Instant::now();
        while this.cpu().unwrap() < before + Duration::from_millis(20) {
            assert!(started.elapsed() < Duration::from_secs(60), "CPU time does not grow");
        }
        let memory = this.memory().unwrap();
        assert!(memory.now > 100_000 && memory.peak >= memory.now);
        assert!(Process(None).cpu().is_none() && Process(None).memory().is_none());
    }
}
