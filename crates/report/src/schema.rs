//! The published schema of `verdict.json`: what a program may count on.

use judge::Judgement;
use schemars::generate::SchemaSettings;

/// The schema, derived from the types, as JSON Schema of 2020-12.
///
/// The committed `schema/verdict.schema.json` equals it, so that a change of the types shows in review as a
/// change of what is published.
pub fn schema() -> String {
    // As it is written, not as it may be read: every field that is always there is required.
    let settings = SchemaSettings::draft2020_12().for_serialize();
    let schema = settings
        .into_generator()
        .into_root_schema_for::<Judgement>();
    match serde_json::to_string_pretty(&schema) {
        Ok(text) => text + "\n",
        Err(error) => unreachable!("a schema has only string keys: {error}"),
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_published_schema_is_that_of_the_types() {
        let published = include_str!("../schema/verdict.schema.json");
        assert!(
            super::schema() == published,
            "crates/report/schema/verdict.schema.json is not that of the types; refresh it with: \
             cargo gameday report --schema > crates/report/schema/verdict.schema.json"
        );
    }
}
