//! What a topology costs a month.

use std::{collections::BTreeMap, fs, path::Path};

use serde::Deserialize;
use timeline::BillLine;

use crate::{StageError, Topology, compose_file::bad};

/// The price list: `prices.toml` beside the Compose files.
#[derive(Debug, Clone, PartialEq)]
pub struct Prices(BTreeMap<String, Price>);

/// One row of the price list.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Price {
    /// What one unit is.
    pub title: String,
    /// US dollars a month for one unit; finite and not negative.
    pub monthly_usd: f64,
    /// What it was assumed to run on.
    pub about: String,
}

impl Prices {
    /// Reads `prices.toml` in the folder of Compose files.
    ///
    /// # Errors
    /// When the file is missing, is not valid, or a price is not a number of dollars.
    pub fn load(compose_dir: &Path) -> Result<Self, StageError> {
        let path = compose_dir.join("prices.toml");
        let text = fs::read_to_string(&path).map_err(|error| bad(&path, error.to_string()))?;
        Self::parse(&text).map_err(|reason| bad(&path, reason))
    }

    fn parse(text: &str) -> Result<Self, String> {
        let rows: BTreeMap<String, Price> =
            toml::from_str(text).map_err(|error| error.to_string())?;
        for (row, price) in &rows {
            if !price.monthly_usd.is_finite() || price.monthly_usd < 0.0 {
                return Err(format!(
                    "monthly_usd of [{row}] is {}, not a price",
                    price.monthly_usd
                ));
            }
        }
        Ok(Self(rows))
    }

    /// A row.
    pub fn get(&self, row: &str) -> Option<&Price> {
        self.0.get(row)
    }
}

/// One line for each row of the price list that the topology uses, sorted by row.
///
/// # Errors
/// When a service's label has no row; the error names both.
pub fn bill(topology: &Topology, prices: &Prices) -> Result<Vec<BillLine>, StageError> {
    let mut lines: BTreeMap<&str, BillLine> = BTreeMap::new();
    for service in &topology.services {
        let Some(row) = service.price.as_deref() else {
            continue;
        };
        let price = prices.get(row).ok_or_else(|| StageError::NoPrice {
            topology: topology.name.clone(),
            service: service.name.clone(),
            price: row.to_owned(),
        })?;
        let line = lines.entry(row).or_insert_with(|| BillLine {
            row: row.to_owned(),
            title: price.title.clone(),
            count: 0,
            unit_usd: price.monthly_usd,
        });
        line.count += 1;
    }
    Ok(lines.into_values().collect())
}

#[cfg(test)]
mod tests {
    use drill::Component;

    use super::*;
    use crate::Service;

    const LIST: &str = r#"
[server]
title = "Server"
monthly_usd = 18
about = "small"
[unused]
title = "Unused"
monthly_usd = 1.5
about = ""
"#;

    fn topology(prices: &[Option<&str>]) -> Topology {
        let service = |(i, price): (usize, &Option<&str>)| Service {
            name: format!("api-{i}"),
            component: Component::Api,
            zone: None,
            price: price.map(Into::into),
            labels: [].into(),
        };
        Topology {
            name: "t".into(),
            services: prices.iter().enumerate().map(service).collect(),
        }
    }

    #[test]
    fn services_are_counted_by_row() {
        let prices = Prices::parse(LIST).unwrap();
        let bill = bill(&topology(&[Some("server"), None, Some("server")]), &prices).unwrap();
        let expected = BillLine {
            row: "server".into(),
            title: "Server".into(),
            count: 2,
            unit_usd: 18.0,
        };
        assert_eq!(bill, [expected]);
    }

    #[test]
    fn a_label_without_a_row_names_service_and_row() {
        let prices = Prices::parse(LIST).unwrap();
        let error = bill(&topology(&[Some("server"), Some("servr")]), &prices)
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("api-1") && error.contains("[servr]"),
            "{error}"
        );
    }

    #[test]
    fn bad_prices_are_refused() {
        let error = |text: &str| Prices::parse(text).unwrap_err();
        assert!(error(&LIST.replace("18", "-18")).contains("[server]"));
        assert!(error(&LIST.replace("18", "nan")).contains("not a price"));
        assert!(error(&LIST.replace("about", "abuot")).contains("abuot"));
        assert!(error("server = 18").contains("server"));
    }

    #[test]
    fn the_reference_topologies_are_priced_and_ha_stays_under_its_budget() {
        let compose = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../compose"));
        let prices = Prices::load(compose).unwrap();
        for name in crate::topologies(compose) {
            let bill = bill(&Topology::load(compose, &name).unwrap(), &prices).unwrap();
            let total: f64 = bill
                .iter()
                .map(|line| f64::from(line.count) * line.unit_usd)
                .sum();
            assert!(total > 0.0 && total < 600.0, "{name} costs {total}");
        }
    }
}
