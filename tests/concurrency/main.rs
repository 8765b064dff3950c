//! The API under concurrency and faults.

mod bulk;
mod bulk_faults;
mod bulk_races;
mod bulk_resumed;
mod cold_start;
mod common;
mod corrupt_rows;
mod external_ids;
mod fault_schedule;
mod idempotency;
mod idempotent_modify;
mod links;
mod lost_replies;
mod own_invitations;
mod paging;
mod paging_churn;
mod paging_combined;
mod paging_cursors;
mod paging_order;
mod preconditions;
mod races;
mod regressions;
mod revoke_invitations;
mod self_recognition;
mod store_failures;
