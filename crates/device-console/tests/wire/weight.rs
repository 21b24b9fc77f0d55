//! How large pages are, and how many records they read.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::http::StatusCode;
use device_pool::store::{Change, Key, Record, Store, StoreError, Table};
use device_store::MemoryStore;

use crate::browser::{Browser, Site};
use crate::crowd::{Content, Crowd};

/// The largest page, in bytes.
const MAX_PAGE: usize = 50_000;

/// A store that counts the records which are read.
#[derive(Default)]
struct CountingStore {
    records: MemoryStore,
    read: AtomicUsize,
}

impl Store for CountingStore {
    fn get(&self, key: &Key) -> Result<Option<Record>, StoreError> {
        self.read.fetch_add(1, Ordering::Relaxed);
        self.records.get(key)
    }

    fn scan(
        &self,
        table: Table,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<(Key, Record)>, StoreError> {
        let found = self.records.scan(table, prefix, after, limit)?;
        self.read.fetch_add(found.len() + 1, Ordering::Relaxed);
        Ok(found)
    }

    fn apply(&self, change: Change) -> Result<(), StoreError> {
        self.records.apply(change)
    }

    fn purge(&self, now_millis: i64) -> Result<usize, StoreError> {
        self.records.purge(now_millis)
    }
}

/// The routes of pages, as the router has them.
fn routes() -> BTreeSet<&'static str> {
    let router = include_str!("../../src/router.rs");
    let routes = router.split(".route(").skip(1);
    let routes =
        routes.filter(|route| route.split(".route_layer").next().unwrap().contains("get("));
    let routes = routes.map(|route| route.split('"').nth(1).unwrap());
    routes.filter(|path| !path.contains("{*rest}") && !path.contains("/assets/")).collect()
}

#[tokio::test]
async fn every_page_is_small_with_the_longest_content() {
    let site = Site::dev();
    let mut browser = Browser::new(&site);
    browser.headers.push(("user-agent", "\"".repeat(300)));
    browser.get("/console/sign-in").await;
    let content = Content { users: 70, waiting: 70, others: 42, is_longest: true };
    let crowd = Crowd::make(&site, content).await;
    let mut seen = BTreeSet::from(["/console/sign-in"]);
    let mut too_large = Vec::new();
    for (route, path) in crowd.pages(&mut browser).await {
        let shown = browser.get(&path).await;
        assert_eq!(shown.status, StatusCode::OK, "{path}: {}", shown.body);
        seen.insert(route);
        if shown.body.len() >= MAX_PAGE {
            too_large.push((path, shown.body.len()));
        }
    }
    assert!(too_large.is_empty(), "{too_large:#?}");
    let (mut next, mut attributes) = (crowd.attributes(), 0);
    while let Some(page) = next {
        let shown = browser.get(&page).await;
        attributes += shown.body.matches("<dt>").count();
        next = shown.link("Next page");
    }
    assert_eq!(attributes, 59, "all of the user's");
    assert_eq!(seen, routes());
    let mut stranger = Browser::new(&Site::with_key());
    assert!(stranger.get("/console/sign-in").await.body.len() < MAX_PAGE);
}

/// A search by the start of a `sub` looks at up to so many sign-in names.
const MAX_SEARCHED: usize = 500 + 60;

#[tokio::test]
async fn a_page_reads_no_more_among_many_users() {
    let mut counts = Vec::new();
    for users in [100, 10_000] {
        let store = Arc::new(CountingStore::default());
        let site = Site::in_store(store.clone(), |service| service);
        let mut browser = Browser::new(&site);
        browser.get("/console/sign-in").await;
        let content = Content { users, waiting: 30, others: 3, is_longest: false };
        let crowd = Crowd::make(&site, content).await;
        let mut reads = Vec::new();
        for (route, path) in crowd.pages(&mut browser).await {
            let before = store.read.load(Ordering::Relaxed);
            assert_eq!(browser.get(&path).await.status, StatusCode::OK, "{path}");
            reads.push((route, path, store.read.load(Ordering::Relaxed) - before));
        }
        counts.push(reads);
    }
    for ((route, path, few), (_, _, many)) in counts[0].iter().zip(&counts[1]) {
        let is_search = route.ends_with("/users") && path.contains("by=sub");
        let most = if is_search { few + MAX_SEARCHED } else { *few };
        assert!(*many <= most, "{path} reads {few} records of 100 users, {many} of 10,000");
    }
}
