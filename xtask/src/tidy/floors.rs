//! Rules about imports between the files of a crate.
//!
//! There must be no ring of files, no import from a higher floor, and no import through the crate's
//! root of a name that another file defines. A module and the parts in its folder may import from
//! each other; that alone is not a ring.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use super::Package;
use super::imports::{Imports, Names};
use crate::Result;

/// The floors of a crate from the top down. A floor is a file in `src` with the folder of its name;
/// it may import from the floors below it.
const FLOORS: &[(&str, &[&str])] = &[(
    "device-pool",
    &[
        "lib",
        "engine",
        "operations",
        "sign_in",
        "rules",
        "records",
        "command",
        "crypto",
        "host",
        "error",
        "store",
    ],
)];

pub(super) fn problems(packages: &[Package]) -> Result<Vec<String>> {
    let mut problems = Vec::new();
    for package in packages {
        let source = package.manifest_path.with_file_name("src");
        let files = read(&source)?;
        let floors = FLOORS.iter().find(|(name, _)| *name == package.name);
        let found = crate_problems(&files, floors.map(|(_, rooms)| *rooms));
        problems.extend(found.into_iter().map(|problem| format!("{}: {problem}", package.name)));
    }
    Ok(problems)
}

/// The floors of each crate that has some, from the top down, for ARCHITECTURE.md.
pub(crate) fn drawing() -> String {
    let line = |(name, rooms): &(&str, &[&str])| format!("{name}, inside: {}\n", rooms.join(" > "));
    FLOORS.iter().map(line).collect()
}

/// Reads the files below a folder.
fn read(source: &Path) -> Result<Vec<Imports>> {
    let mut files = Vec::new();
    let mut folders = vec![source.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder)? {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = fs::read_to_string(&path)?;
                let file = Imports::read(module(path.strip_prefix(source)?), &text);
                files.push(file.map_err(|error| format!("{}: {error}", path.display()))?);
            }
        }
    }
    Ok(files)
}

/// The module path of a file below `src`.
fn module(file: &Path) -> Names {
    let names: PathBuf = file.with_extension("");
    if ["lib", "main"].iter().any(|root| names == Path::new(root)) {
        return Vec::new();
    }
    names.iter().map(|name| name.to_string_lossy().into_owned()).collect()
}

/// The violations within one crate.
fn crate_problems(files: &[Imports], floors: Option<&[&str]>) -> Vec<String> {
    let files = Files::new(files);
    let mut problems = files.rings();
    problems.extend(files.detours());
    if let Some(floors) = floors {
        problems.extend(files.upward(floors));
    }
    problems
}

/// The files of a crate, and their imports with one imported name each.
struct Files<'a> {
    files: BTreeMap<&'a [String], &'a Imports>,
    arrows: BTreeMap<&'a [String], BTreeMap<&'a [String], Names>>,
}

impl<'a> Files<'a> {
    fn new(files: &'a [Imports]) -> Self {
        let tests: Vec<&Names> = files.iter().flat_map(|file| &file.tests).collect();
        let files = files
            .iter()
            .filter(|file| !tests.iter().any(|test| file.module.starts_with(test)))
            .map(|file| (file.module.as_slice(), file))
            .collect();
        let mut this = Self { files, arrows: BTreeMap::new() };
        for (module, file) in &this.files {
            let arrows = file.paths.iter().filter_map(|path| Some((this.home(path, 0)?, path)));
            let arrows = arrows.filter(|(to, _)| to != module);
            this.arrows.insert(module, arrows.map(|(to, path)| (to, path.clone())).collect());
        }
        this
    }

    /// The file that defines the name of a path, found through re-exports.
    fn home(&self, path: &[String], depth: usize) -> Option<&'a [String]> {
        let mut cuts = (0..=path.len()).rev().map(|at| path.split_at(at));
        let (module, rest) = cuts.find(|(module, _)| self.files.contains_key(module))?;
        let (module, file) = self.files.get_key_value(module)?;
        let (Some((name, after)), true) = (rest.split_first(), depth < 8) else {
            return Some(module);
        };
        if file.defined.contains(name) {
            return Some(module);
        }
        if let Some(taken) = file.taken.get(name) {
            let path: Names = taken.iter().chain(after).cloned().collect();
            return self.home(&path, depth + 1);
        }
        let elsewhere = file.globs.iter().find_map(|glob| {
            let path: Names = glob.iter().chain(rest).cloned().collect();
            let home = self.home(&path, depth + 1)?;
            self.files.get(home)?.defined.contains(name).then_some(home)
        });
        elsewhere.or(Some(module))
    }

    /// Every file reachable from another, not counting imports of a module's own parts.
    fn reached(&self, from: &[String]) -> BTreeSet<&'a [String]> {
        let mut reached = BTreeSet::new();
        let mut open: Vec<&[String]> = vec![from];
        while let Some(module) = open.pop() {
            for to in self.arrows.get(module).into_iter().flat_map(BTreeMap::keys) {
                if !to.starts_with(module) && reached.insert(*to) {
                    open.push(to);
                }
            }
        }
        reached
    }

    fn rings(&self) -> Vec<String> {
        let mut problems = Vec::new();
        for (from, arrows) in &self.arrows {
            let others = arrows.iter().filter(|(to, _)| !to.starts_with(from));
            for (to, name) in others.filter(|(to, _)| self.reached(to).contains(from)) {
                problems.push(format!(
                    "{} names {} of {}, from which names lead back to it: a ring",
                    shown(from),
                    name.join("::"),
                    shown(to)
                ));
            }
        }
        problems
    }

    /// Imports through the root of names that it only re-exports.
    fn detours(&self) -> Vec<String> {
        let Some(root) = self.files.get(&[] as &[String]) else { return Vec::new() };
        let mut problems = Vec::new();
        for (module, file) in self.files.iter().filter(|(module, _)| !module.is_empty()) {
            for path in &file.paths {
                let Some(name) = path.first() else { continue };
                let home = self.home(path, 0).filter(|home| !home.is_empty());
                let by_root = !self.files.contains_key(std::slice::from_ref(name))
                    && !root.defined.contains(name);
                if let (Some(home), true) = (home, by_root) {
                    problems.push(format!(
                        "{} names crate::{}; name {}, which defines it",
                        shown(module),
                        path.join("::"),
                        shown(home)
                    ));
                }
            }
        }
        problems
    }

    fn upward(&self, floors: &[&str]) -> Vec<String> {
        let floor = |module: &[String]| {
            let room = module.first().map_or("lib", String::as_str);
            floors.iter().position(|floor| *floor == room)
        };
        let mut problems = Vec::new();
        for module in self.files.keys().filter(|module| floor(module).is_none()) {
            problems.push(format!("{} has no floor", shown(module)));
        }
        for (from, arrows) in &self.arrows {
            for (to, name) in arrows.iter().filter(|(to, _)| floor(to) < floor(from)) {
                problems.push(format!(
                    "{} may not name {} of {}: it is not below it",
                    shown(from),
                    name.join("::"),
                    shown(to)
                ));
            }
        }
        problems
    }
}

/// A module's file name.
fn shown(module: &[String]) -> String {
    if module.is_empty() { "the root".to_owned() } else { format!("{}.rs", module.join("/")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The violations in a crate with these files and floors.
    fn problems_of(files: &[(&str, &str)], floors: Option<&[&str]>) -> Vec<String> {
        let files: Vec<Imports> = files
            .iter()
            .map(|(file, text)| Imports::read(module(Path::new(file)), text).unwrap())
            .collect();
        crate_problems(&files, floors)
    }

    #[track_caller]
    fn assert_one(files: &[(&str, &str)], floors: Option<&[&str]>, expected: &str) {
        let problems = problems_of(files, floors);
        assert_eq!(problems.len(), 1, "{problems:?}");
        assert!(problems[0].contains(expected), "{problems:?}");
    }

    const TOP: (&str, &str) = ("lib.rs", "mod upper; mod lower; pub use upper::Upper;");
    const FLOORS: Option<&[&str]> = Some(&["lib", "upper", "lower"]);

    #[test]
    fn imports_may_go_down() {
        let upper = ("upper.rs", "use crate::lower::Lower; pub struct Upper(Lower);");
        let lower = ("lower.rs", "pub struct Lower;");
        assert_eq!(problems_of(&[TOP, upper, lower], FLOORS), [""; 0]);
    }

    #[test]
    fn no_spelling_permits_an_upward_import() {
        let upper = ("upper.rs", "pub struct Upper; impl Upper { pub fn new() -> Self { Self } }");
        for text in [
            "use crate::upper::Upper;",
            "use super::upper::Upper;",
            "use crate::{upper::{Upper as Other}};",
            "use crate::upper; fn f() { upper::Upper::new(); }",
            "fn f() { crate::upper::Upper::new(); }",
            "fn f() -> Option<super::upper::Upper> { None }",
            "fn f() { assert_eq!(1, g(crate::upper::Upper::new())); }",
            "mod inner { use super::super::upper::Upper; }",
        ] {
            let expected = "lower.rs may not name upper";
            assert_one(&[TOP, upper, ("lower.rs", text)], FLOORS, expected);
        }
    }

    #[test]
    fn a_part_is_on_the_floor_of_its_module() {
        let upper = ("upper.rs", "pub struct Upper;");
        let lower = ("lower.rs", "mod part;");
        let part = ("lower/part.rs", "use crate::upper::Upper;");
        let expected = "lower/part.rs may not name upper::Upper";
        assert_one(&[TOP, upper, lower, part], FLOORS, expected);
    }

    #[test]
    fn every_module_needs_a_floor() {
        assert_one(&[("new.rs", "")], FLOORS, "new.rs has no floor");
    }

    #[test]
    fn a_ring_of_files_is_reported() {
        let a = ("a.rs", "use crate::b::B; pub struct A;");
        let b = ("b.rs", "pub struct B; fn f() { crate::c::c(); }");
        let c = ("c.rs", "pub fn c() -> crate::a::A { crate::a::A }");
        let problems = problems_of(&[("lib.rs", "mod a; mod b; mod c;"), a, b, c], None);
        assert_eq!(problems.len(), 3, "{problems:?}");
        assert!(problems.iter().all(|problem| problem.ends_with("a ring")), "{problems:?}");
    }

    #[test]
    fn a_module_and_its_parts_are_no_ring() {
        let room = ("a.rs", "mod b; use b::B; pub trait A {}");
        assert_eq!(problems_of(&[room, ("a/b.rs", "use super::A; pub struct B;")], None), [""; 0]);
    }

    /// A re-exported name counts where it is defined.
    #[test]
    fn parts_that_name_each_other_are_a_ring() {
        let room = ("a.rs", "mod b; mod c; pub use b::*; pub use c::C;");
        let b = ("a/b.rs", "use super::C; pub struct B;");
        let c = ("a/c.rs", "use super::B; pub struct C;");
        let problems = problems_of(&[room, b, c], None);
        assert_eq!(problems.len(), 2, "{problems:?}");
    }

    #[test]
    fn tests_may_import_anything() {
        let upper = ("upper.rs", "use crate::lower::Lower; pub struct Upper;");
        let lower = "pub struct Lower; #[cfg(test)] mod tests { use crate::upper::Upper; }
            #[cfg(test)] mod more; #[cfg(test)] use crate::upper::Upper;
            #[test] fn f() { crate::upper::Upper; }";
        let more = ("lower/more.rs", "use crate::upper::Upper;");
        assert_eq!(problems_of(&[TOP, upper, ("lower.rs", lower), more], FLOORS), [""; 0]);
    }

    #[test]
    fn an_import_through_the_root_is_reported() {
        let upper = ("upper.rs", "pub struct Upper;");
        let lower = ("lower.rs", "use crate::Upper;");
        assert_one(&[TOP, upper, lower], None, "name upper.rs, which defines it");
    }
}
