//! New files while calls go on: live legs keep what they have.

use crate::time::Now;

use super::Exchange;
use super::settings::Settings;

impl Exchange {
    pub(super) fn reload(&mut self, now: Now, settings: Settings) {
        self.registrar.set_terms(settings.realm.clone(), settings.registrar.algorithms.clone());
        let changes = self.registrar.set_accounts(settings.accounts());
        let wishes = self.board.reload(now, settings.board.clone(), settings.plan.clone());
        self.carry_out_all(now, wishes);
        // Listeners and their ports stay as they were bound; everything else is new.
        let listeners = std::mem::take(&mut self.settings.listeners);
        let old = std::mem::replace(&mut self.settings, Settings { listeners, ..settings });
        self.resolved.retain(|name, (hosts, addresses)| {
            let same = self.settings.trunks.iter().any(|trunk| trunk.name == *name && trunk.hosts == *hosts)
                || self.settings.device(name).is_some();
            if same {
                self.settings.resolve(name, addresses.clone());
            }
            same
        });
        self.recount_trunks(&old);
        self.on_registrations(now, changes);
        self.start_lines(now);
    }

    /// Live legs keep their trunk by its name, wherever it now stands in the file.
    fn recount_trunks(&mut self, old: &Settings) {
        self.busy = vec![0; self.settings.trunks.len()];
        for leg in self.legs.values_mut() {
            let name = leg.trunk.and_then(|trunk| old.trunks.get(trunk)).map(|trunk| &trunk.name);
            leg.trunk = name.and_then(|name| self.settings.trunks.iter().position(|trunk| trunk.name == *name));
            if let Some(busy) = leg.trunk.filter(|_| !leg.is_over()).and_then(|trunk| self.busy.get_mut(trunk)) {
                *busy += 1;
            }
        }
    }
}
