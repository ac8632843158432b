//! Teal's table.

use crate::link::{Link, Op};
use crate::mutation::Mutation;
use crate::state::State;
use teal::drift::RouteLeft;
use teal::hook::HookTicket;
use teal::plan::AlarmName;
use teal::ports::{Ledger, Opening, PortError, PortResult};
use teal::release::{Release, ReleaseId, Summary};
use teal::request::{Request, Requests};
use teal::story::StoryEntry;

const GET: Op = Op::other("GetItem");
const WRITE: Op = Op::other("TransactWriteItems");
const QUERY: Op = Op::other("Query");

impl Ledger for Link<'_> {
    async fn load(&self, release: &ReleaseId) -> PortResult<Option<Release>> {
        self.call(GET, |_| {
            let found = self.world.state().records.get(release).cloned();
            Ok(found.map(|record| self.mutated_load(record)))
        })
        .await
    }

    async fn open(&self, release: &Release) -> PortResult<Opening> {
        self.call(WRITE, |_| {
            let mut state = self.world.state();
            if state.records.contains_key(&release.id) {
                return Ok(Opening::AlreadyOpen);
            }
            let keys = release.lock_keys();
            if let Some((key, holder)) = keys.iter().find_map(|key| state.locks.get_key_value(key)) {
                return Ok(Opening::Busy { key: key.clone(), holder: holder.clone() });
            }
            state.locks.extend(keys.into_iter().map(|key| (key, release.id.clone())));
            if self.world.mutation != Some(Mutation::WatchesAfterAlarms) {
                state.watch(release);
            }
            state.records.insert(release.id.clone(), release.clone());
            self.world.watch.borrow_mut().opened(&state, release, self.who.started);
            Ok(Opening::Opened)
        })
        .await
    }

    async fn save(&self, release: &mut Release, story: &[StoryEntry]) -> PortResult<()> {
        let saved = self
            .call(WRITE, |_| {
                if self.loses(release) {
                    return Ok(release.revision);
                }
                let mut state = self.world.state();
                let is_as_read = state.records.get(&release.id).is_some_and(|stored| self.may_save(stored, release));
                let Some(stored) = is_as_read.then(|| state.records.remove(&release.id)).flatten() else {
                    return Err(PortError::Stale { release: release.id.clone() });
                };
                let revision = stored.revision + 1;
                let written = self.mutated_save(&stored, Release { revision, ..release.clone() });
                state.stories.entry(release.id.clone()).or_default().extend_from_slice(story);
                state.left.extend(RouteLeft::by(&written).into_iter().map(|left| (left.key(), left)));
                if self.gives_up_locks(&written) {
                    state.locks.retain(|_, holder| *holder != release.id);
                    state.watches.retain(|(_, watcher)| *watcher != release.id);
                }
                if self.world.mutation == Some(Mutation::WatchesAfterAlarms)
                    && !written.phase.is_terminal()
                    && written.outbox.is_empty()
                {
                    state.watch(&written);
                }
                self.world.log(|| format!("  the record: {}{}", written.phase, in_words(story)));
                let mut watch = self.world.watch.borrow_mut();
                watch.saved(&state, &stored, &written, &self.who, &self.seen.borrow(), self.world.now());
                state.records.insert(release.id.clone(), written);
                Ok(revision)
            })
            .await;
        if let Err(PortError::Stale { .. }) = saved {
            self.remembered.borrow_mut().lost_a_race = true;
        }
        release.revision = saved?;
        Ok(())
    }

    async fn tell(&self, release: &Release, entry: &StoryEntry) -> PortResult<()> {
        self.call(Op::other("PutItem"), |_| {
            self.world.state().stories.entry(release.id.clone()).or_default().push(entry.clone());
            Ok(())
        })
        .await
    }

    async fn requests(&self, release: &ReleaseId) -> PortResult<Requests> {
        self.call(QUERY, |_| {
            let found = self.world.state().requests.get(release).cloned();
            let unread = self.world.state().spoilt_requests.clone();
            Ok(Requests { read: self.mutated_requests(release, found.unwrap_or_default()), unread })
        })
        .await
    }

    async fn ask(&self, release: &ReleaseId, request: &Request) -> PortResult<()> {
        self.call(Op::other("PutItem"), |_| {
            self.world.state().ask(release, request);
            let mut watch = self.world.watch.borrow_mut();
            watch.asked_to_give_way(release, &request.by);
            watch.asked_to_abort(release, self.world.now());
            Ok(())
        })
        .await
    }

    async fn keep_hook(&self, release: &ReleaseId, ticket: &HookTicket) -> PortResult<()> {
        self.call(Op::other("PutItem"), |_| {
            let mut state = self.world.state();
            let kept = state.hooks.entry(release.clone()).or_default();
            if kept.iter().all(|known| known.execution != ticket.execution) {
                kept.push(ticket.clone());
            }
            Ok(())
        })
        .await
    }

    async fn hooks(&self, release: &ReleaseId) -> PortResult<Vec<HookTicket>> {
        self.call(QUERY, |_| Ok(self.mutated_hooks(self.world.state().hooks.get(release).cloned().unwrap_or_default())))
            .await
    }

    async fn watching(&self, account: Option<&str>, alarm: &AlarmName) -> PortResult<Vec<ReleaseId>> {
        self.call(QUERY, |_| {
            let state = self.world.state();
            let is_meant = |name: &str| {
                let mixed = self.mixes_accounts() && name.rsplit('#').next() == Some(alarm.as_str());
                mixed || name == watched(account, alarm)
            };
            let watchers = state.watches.iter().filter(|(name, _)| is_meant(name));
            let ids = watchers.map(|(_, release)| release.clone());
            Ok(ids.filter(|id| self.index_shows(&state, id)).collect())
        })
        .await
    }

    async fn holder(&self, key: &str) -> PortResult<Option<ReleaseId>> {
        self.call(GET, |_| Ok(self.mutated_holder(self.world.state().locks.get(key).cloned()))).await
    }

    async fn active(&self) -> PortResult<Vec<ReleaseId>> {
        self.call(QUERY, |_| {
            let state = self.world.state();
            let untold = state.records.values().filter(|record| !record.outbox.is_empty());
            let mut ids: Vec<ReleaseId> =
                state.locks.values().chain(untold.map(|record| &record.id)).cloned().collect();
            ids.sort();
            ids.dedup();
            Ok(self.mutated_list(Mutation::ReleasesOverlooked, ids))
        })
        .await
    }

    async fn left(&self) -> PortResult<Vec<RouteLeft>> {
        self.call(QUERY, |_| {
            let left = self.world.state().left.values().cloned().collect();
            Ok(self.mutated_list(Mutation::DriftOverlooked, left))
        })
        .await
    }

    async fn replace_left(&self, read: &RouteLeft, new: Option<&RouteLeft>) -> PortResult<()> {
        self.call(WRITE, |_| {
            let left = &mut self.world.state().left;
            if left.get(&read.key()) == Some(read) {
                left.remove(&read.key());
                left.extend(new.map(|new| (new.key(), new.clone())));
            }
            Ok(())
        })
        .await
    }

    async fn list(&self, service: Option<&str>, limit: usize) -> PortResult<Vec<Summary>> {
        self.call(QUERY, |_| {
            let summaries = self.world.state().records.values().map(Release::summary).collect::<Vec<_>>();
            let wanted = summaries.into_iter().filter(|summary| service.is_none_or(|name| name == summary.service));
            Ok(wanted.take(limit).collect())
        })
        .await
    }

    async fn story(&self, release: &ReleaseId) -> PortResult<Vec<StoryEntry>> {
        self.call(QUERY, |_| Ok(self.world.state().stories.get(release).cloned().unwrap_or_default())).await
    }
}

impl State {
    fn watch(&mut self, release: &Release) {
        for alarm in &release.plan.judge.alarms {
            self.watches.insert((watched(release.plan.account_number(), alarm), release.id.clone()));
        }
    }
}

/// An alarm among those of all accounts.
fn watched(account: Option<&str>, alarm: &AlarmName) -> String {
    account.map_or_else(|| alarm.to_string(), |account| format!("{account}#{alarm}"))
}

fn in_words(story: &[StoryEntry]) -> String {
    story.iter().map(|entry| format!("; {}", entry.fact)).collect()
}
