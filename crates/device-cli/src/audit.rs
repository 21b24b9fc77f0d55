//! `device audit`: a pool's audit trail as a file that can be verified without the server.

use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, Read as _, Write};
use std::path::{Path, PathBuf};

use device_server::{AuditAlteration, AuditExportRequest, AuditVerdict, AuditVerifier};

use crate::signed_call::{CallError, Connection};
use crate::utc::utc;

/// The subcommands of `device audit`.
#[derive(clap::Subcommand)]
pub(crate) enum Command {
    /// Write a pool's audit trail as lines of JSON, with a signed head
    Export(ExportOptions),
    /// Verify an export: that it is complete and unaltered. Asks no server.
    ///
    /// The exit code is 0 if it is, otherwise 1; the first altered event is named. It is 3 if a
    /// kept head is older than what was removed at the beginning, and so cannot be compared.
    Verify(VerifyOptions),
}

/// Options of `device audit export`.
#[derive(clap::Args)]
pub(crate) struct ExportOptions {
    /// The pool's id, also that of a deleted pool
    #[arg(long)]
    pool: String,

    /// The file to write, which must not exist [default: stdout]
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,

    #[command(flatten)]
    server: Connection,
}

/// Options of `device audit verify`.
#[derive(clap::Args)]
pub(crate) struct VerifyOptions {
    /// The export
    file: PathBuf,

    /// The log's public key, as an earlier verification printed it. Without it, the key in the file
    /// is trusted
    #[arg(long)]
    key: Option<String>,

    /// A signed head that was kept; repeat it for more. The log must continue each
    #[arg(long, value_name = "FILE")]
    head: Vec<PathBuf>,

    /// Write the export's signed head to this file, to be kept elsewhere. The file must not exist,
    /// or be a --head of this command
    #[arg(long, value_name = "FILE")]
    keep_head: Option<PathBuf>,

    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// The most bytes of a line. An event has far fewer.
const MOST_BYTES: u64 = 1 << 20;

/// Why an export was not written or is not good.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AuditError {
    #[error(transparent)]
    Call(#[from] CallError),
    #[error("{}: {source}", path.display())]
    File { path: PathBuf, source: io::Error },
    #[error(
        "{} exists, and --keep-head replaces only a file that is also a --head the log continues",
        .0.display()
    )]
    HeadExists(PathBuf),
    #[error("the output cannot be written: {0}")]
    Output(#[from] io::Error),
    #[error("{} is not a complete, unaltered export: {source}", path.display())]
    Altered { path: PathBuf, source: AuditAlteration },
    #[error(
        "the export is complete and unaltered, but it cannot be compared with {0} of the kept \
         heads: they are older than what was removed at its beginning"
    )]
    Uncompared(usize),
}

pub(crate) fn run(command: &Command) -> Result<(), AuditError> {
    match command {
        Command::Export(options) => export(options),
        Command::Verify(options) => verify(options),
    }
}

fn export(options: &ExportOptions) -> Result<(), AuditError> {
    let ExportOptions { pool, output, server } = options;
    let mut request = AuditExportRequest::new(&**pool);
    // Asked first, so that a refusal leaves no file.
    let first = server.administer(&request)?;
    let pages = |out: &mut dyn Write| -> Result<(), AuditError> {
        let mut page = first;
        loop {
            for line in &page.lines {
                writeln!(out, "{line}")?;
            }
            request.next = page.next;
            if request.next.is_none() {
                return Ok(out.flush()?);
            }
            page = server.administer(&request)?;
        }
    };
    let Some(path) = output else { return pages(&mut io::stdout().lock()) };
    let file = File::create_new(path).map_err(|source| in_file(path, source))?;
    // Half an export is worth nothing, and would be in the way of the next.
    pages(&mut BufWriter::new(file)).inspect_err(|_| {
        let _ = std::fs::remove_file(path);
    })
}

fn verify(options: &VerifyOptions) -> Result<(), AuditError> {
    let VerifyOptions { file: path, key, head, keep_head, json } = options;
    let kept: Result<Vec<String>, AuditError> = head
        .iter()
        .map(|path| std::fs::read_to_string(path).map_err(|source| in_file(path, source)))
        .collect();
    let mut verifier = AuditVerifier::new(key.clone(), kept?);
    let file = File::open(path).map_err(|source| in_file(path, source))?;
    let mut lines = Lines(BufReader::new(file));
    let mut out = io::stdout().lock();
    let verified = loop {
        match lines.next().map_err(|source| in_file(path, source))? {
            Some(line) => match verifier.line(&line) {
                Ok(()) => {}
                Err(alteration) => break Err(alteration),
            },
            None => break verifier.finish(),
        }
    };
    let (verdict, signed_head) = match verified {
        Ok(verified) => verified,
        Err(source) => {
            if *json {
                let told = serde_json::to_string_pretty(&source).map_err(io::Error::from)?;
                writeln!(out, "{told}")?;
            }
            return Err(AuditError::Altered { path: path.clone(), source });
        }
    };
    if let Some(path) = keep_head {
        // Only what this log was found to continue is replaced.
        let is_continued = head.contains(path) && verdict.uncompared_heads == 0;
        let file = if is_continued { File::create(path) } else { File::create_new(path) };
        file.and_then(|mut file| file.write_all(signed_head.as_bytes())).map_err(|source| {
            match source.kind() {
                io::ErrorKind::AlreadyExists => AuditError::HeadExists(path.clone()),
                _ => in_file(path, source),
            }
        })?;
    }
    if *json {
        let verdict = serde_json::to_string_pretty(&verdict).map_err(io::Error::from)?;
        writeln!(out, "{verdict}")?;
    } else {
        tell(&verdict, &mut out)?;
    }
    match verdict.uncompared_heads {
        0 => Ok(()),
        heads => Err(AuditError::Uncompared(heads)),
    }
}

/// The lines of a file, of which none can be longer than memory allows.
struct Lines<R>(R);

impl<R: BufRead> Lines<R> {
    /// The next line without its end. A line that is too long, or no text, reads as another.
    fn next(&mut self) -> io::Result<Option<String>> {
        let mut line = Vec::new();
        let read = (&mut self.0).take(MOST_BYTES).read_until(b'\n', &mut line)?;
        if read == 0 {
            return Ok(None);
        }
        if line.last() == Some(&b'\n') {
            line.pop();
        } else if line.len() as u64 == MOST_BYTES {
            line.clear();
        }
        Ok(Some(String::from_utf8_lossy(&line).into_owned()))
    }
}

fn in_file(path: &Path, source: io::Error) -> AuditError {
    AuditError::File { path: path.to_owned(), source }
}

/// The verdict for people.
fn tell(verdict: &AuditVerdict, out: &mut impl Write) -> io::Result<()> {
    let AuditVerdict { size, events, erased, removed, kept_heads, .. } = verdict;
    writeln!(out, "complete and unaltered: the audit trail of the pool {}", verdict.pool_id)?;
    writeln!(out, "  {size} events were sealed by {}", utc(verdict.at))?;
    writeln!(out, "  {events} are in the file, {erased} of them without the erased address")?;
    writeln!(out, "  {removed} were removed: expired, or deleted with the pool")?;
    if !verdict.key_is_confirmed {
        writeln!(
            out,
            "  only the file says that the key below is the log's: give --key to verify it"
        )?;
    }
    if *kept_heads > 0 {
        writeln!(out, "  kept heads that the log continues: {kept_heads}")?;
    }
    writeln!(out, "root        {}", verdict.root)?;
    writeln!(out, "public key  {}", verdict.public_key)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_verdict_reads_as_expected() {
        let verdict: AuditVerdict = serde_json::from_value(json!({
            "poolId": "us-east-1_abc", "keyIsConfirmed": false, "uncomparedHeads": 0,
            "publicKey": "auth.example.com/us-east-1_abc+0a1b2c3d+AQ==",
            "size": 60, "root": "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=",
            "at": 1_790_000_000_000_i64, "events": 57, "erased": 2, "removed": 3, "keptHeads": 1,
        }))
        .unwrap();
        let mut told = Vec::new();
        tell(&verdict, &mut told).unwrap();
        let told = String::from_utf8(told).unwrap();
        assert_eq!(told, include_str!("audit/verdict.txt"), "{told}");
    }
}
