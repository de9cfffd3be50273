//! The conformance suite: what [`crate::Store`] means, as tests that every engine must pass.
//!
//! An engine's tests call [`crate::conformance_tests!`] with a function that makes a fresh [`World`]; each case becomes
//! a test of its own. The cases know the port and nothing of any engine. It is compiled without any feature, so that
//! an engine in another crate, or behind a server, can run it too.
#![allow(clippy::unwrap_used, reason = "a case fails by panicking, like any test")]
#![allow(missing_docs, reason = "the name of a case is the promise it checks")]

mod world;

use futures::future::BoxFuture;

pub mod claims;
pub mod commands;
pub mod effects;
pub mod failures;
pub mod inbox;
pub mod indexing;
pub mod leases;
pub mod outbox;
pub mod registration;
pub mod runners;
pub mod snapshots;
pub mod tasks;
pub mod transcripts;
pub mod turns;
pub mod upkeep;

pub use world::World;

macro_rules! cases {
    ($dollar:tt $($area:ident { $($case:ident,)* })*) => {
        /// Makes a test of every case of the suite; takes the path of an `async fn() -> World`.
        #[macro_export]
        macro_rules! conformance_tests {
            ($dollar world:path) => {
                $(mod $area {
                    $(#[tokio::test]
                    async fn $case() {
                        $crate::conformance::$area::$case($dollar world().await).await;
                    })*
                })*
            };
        }

        /// All cases with their names, for engines whose worlds share a server: one test runs them all.
        pub fn cases() -> Vec<(&'static str, fn(World) -> BoxFuture<'static, ()>)> {
            vec![$($((
                concat!(stringify!($area), "::", stringify!($case)),
                (|world| Box::pin($area::$case(world))) as fn(World) -> BoxFuture<'static, ()>,
            ),)*)*]
        }

        #[cfg(test)]
        const NAMES: &[&str] = &[$($(stringify!($case),)*)*];
    };
}

cases! { $
    registration {
        a_group_is_registered_changed_and_listed,
        a_removed_group_leaves_nothing_but_its_count_of_claims,
        a_group_that_is_served_cannot_be_removed,
        a_chat_keeps_what_later_events_do_not_say,
        chats_are_listed_with_the_one_heard_of_last_first,
        a_chat_is_registered_only_to_what_exists,
        registering_again_never_clears_main,
        a_chat_of_another_group_moves_only_when_asked,
        a_registration_of_an_unseen_chat_changes_nothing,
        threads_of_a_chat_go_with_it,
    }
    inbox {
        duplicates_are_swallowed_for_ever,
        same_timestamp_and_late_messages_are_seen,
        chatter_makes_nothing_ready_and_goes_along_as_context,
        a_message_without_a_registered_group_or_a_known_chat_is_refused,
        chats_of_waiting_groups_are_named,
        all_waiting_chats_are_named_page_by_page,
        chats_left_behind_by_an_earlier_life_wait_too,
        nobody_waits_for_a_runner_while_another_has_its_hands_full,
        trace_contexts_come_back,
        what_came_beside_a_text_comes_back,
    }
    indexing {
        a_log_is_adopted_once_and_keeps_its_cursors,
        a_new_log_starts_every_partition_again,
        a_known_log_with_another_number_of_partitions_is_refused,
        many_that_adopt_a_log_at_once_start_one_generation,
        a_log_that_lost_messages_starts_again_once,
        a_batch_takes_effect_once,
        an_overtaken_batch_changes_nothing,
        two_indexers_on_one_partition_take_it_in_once_and_in_order,
        a_batch_of_an_old_generation_is_overtaken,
        what_was_taken_in_before_a_new_generation_is_swallowed,
        a_key_twice_in_one_batch_is_taken_in_once,
        a_malformed_message_becomes_a_dead_letter_and_the_cursor_passes,
        a_message_for_a_removed_group_becomes_a_dead_letter,
        a_batch_says_whose_inbox_grew_and_who_serves_it,
        an_indexed_message_is_like_an_appended_one,
        chatter_of_a_batch_makes_nothing_ready,
        an_empty_batch_moves_the_cursor,
        a_batch_out_of_order_is_refused,
    }
    leases {
        a_lease_that_was_never_held_is_free,
        a_lease_is_taken_by_one_of_two,
        a_lease_is_taken_by_one_of_many_at_once,
        a_lease_that_moved_since_it_was_seen_is_not_taken,
        a_lost_lease_cannot_be_renewed,
        a_lease_given_up_is_free_at_once,
        giving_up_a_lost_lease_takes_it_from_nobody,
        epochs_of_a_lease_grow_over_releases,
        leases_are_kept_apart,
        a_lost_lease_cannot_charge_a_delivery,
        a_hold_charges_only_deliveries_of_its_account,
        only_the_holder_of_an_account_says_how_far_its_feed_was_read,
    }
    runners {
        every_start_is_a_new_life,
        an_old_life_is_fenced_before_its_groups_are_freed,
        groups_of_old_lives_are_freed_and_served_again,
        a_silent_runner_is_declared_dead_and_its_groups_freed,
        a_runner_that_moved_on_is_not_declared_dead,
        an_idle_group_of_a_dead_runner_just_rests,
        a_retired_runner_is_dead_at_once,
        a_runner_that_still_owns_a_group_is_not_retired,
        a_runner_with_groups_of_an_earlier_life_is_not_retired,
        an_old_life_cannot_retire_the_new_one,
    }
    claims {
        one_active_slot_per_group,
        free_slots_bound_the_claim,
        a_wrong_count_of_free_slots_takes_no_more_than_there_are,
        the_group_that_waited_longest_comes_first,
        a_group_is_left_to_its_last_runner_for_a_moment,
        a_group_does_not_wait_for_a_runner_that_is_gone,
        concurrent_claimers_never_share_a_group,
        a_replaced_runner_claims_nothing,
        claimed_but_empty_is_released_with_the_cursor_untouched,
        every_claim_has_a_larger_epoch,
        a_claim_whose_answer_was_lost_is_found_and_can_be_given_back,
        a_life_that_is_over_owns_nothing,
    }
    turns {
        stale_epoch_cannot_do_anything,
        an_ended_claim_cannot_do_anything,
        commit_in_doubt_is_found,
        a_commit_says_whether_more_calls_the_agent,
        a_turn_that_was_closed_is_not_begun_again,
        a_commit_of_another_claim_is_not_mistaken_for_ones_own,
        cursor_never_decreases,
        the_cursor_stays_within_the_inbox,
        a_failed_commit_changes_nothing,
        two_replies_with_one_key_are_refused,
        messages_during_a_turn_wait_for_the_next,
        follow_ups_do_not_move_the_cursor,
        chatter_alone_is_no_follow_up,
        chatter_does_not_hide_a_follow_up,
        follow_ups_are_what_a_new_turn_would_take,
        an_interrupted_turn_is_taken_up_under_its_old_id,
        a_later_attempt_covers_what_the_session_has_seen,
        an_attempt_that_never_prompted_is_no_interruption,
        a_second_turn_in_the_same_claim_is_a_first_attempt,
        the_session_of_the_last_commit_is_resumed,
        a_busy_group_goes_behind_those_that_waited,
        more_messages_than_fit_are_taken_in_order,
    }
    commands {
        an_open_turn_is_asked_to_stop_until_it_closes,
        a_stop_outlives_the_runner_that_should_have_seen_it,
        a_group_says_how_it_stands,
        usage_is_added_up_from_a_time_on,
        a_chat_that_asks_shows_one_code_while_it_holds,
        only_so_many_chats_ask_at_a_time,
        a_code_is_approved_once_by_somebody_who_is_written_down,
        a_code_that_is_rejected_pairs_nothing,
        without_a_main_group_nobody_can_ask,
    }
    snapshots {
        the_snapshot_commits_with_its_turn,
        a_commit_without_snapshot_keeps_it,
        a_fenced_commit_leaves_the_old_snapshot,
        a_refused_or_repeated_commit_leaves_the_snapshot,
        a_removed_group_leaves_no_snapshot,
    }
    tasks {
        a_task_is_added_changed_and_listed,
        a_task_needs_a_group_and_a_chat_of_it,
        a_group_has_a_bounded_number_of_tasks,
        due_tasks_come_in_the_order_they_are_due,
        a_firing_becomes_work_for_its_group,
        a_firing_says_who_serves_its_group,
        of_two_leaders_one_is_overtaken,
        many_leaders_at_once_fire_once,
        a_due_instant_fires_once_even_if_the_task_is_set_back,
        an_edit_overtakes_a_decision,
        the_overlap_policy_leaves_out_what_overlaps,
        missed_instants_are_in_the_history,
        a_task_that_was_due_once_is_done,
        sc_d4_a_paused_task_takes_back_what_has_not_begun,
        a_removed_task_lets_a_run_finish_and_keeps_its_history,
        a_run_by_hand_leaves_the_schedule_alone,
        people_come_before_tasks_until_the_task_has_aged,
        a_message_makes_a_group_that_is_ready_for_a_task_interactive,
        a_group_left_with_a_task_alone_waits_as_one,
        a_firing_and_messages_are_turns_of_their_own,
        an_isolated_firing_leaves_the_groups_session_and_context_alone,
        an_interrupted_isolated_firing_resumes_its_own_session,
        sc_d1_a_run_whose_runner_died_is_completed_once,
        a_firing_given_up_is_a_failed_run_and_a_dead_letter,
        a_task_that_fails_too_often_is_paused_and_its_chat_told_once,
        a_run_that_does_not_fail_forgets_the_failures,
        sc_09_a_silence_after_an_early_word_is_an_answer,
        a_run_that_did_not_wake_the_model_keeps_session_and_context,
        sc_d2_a_task_that_lost_its_chat_is_paused,
        an_agent_that_lost_its_group_changes_no_task,
        main_may_change_tasks_of_another_group,
        a_removed_group_takes_its_tasks,
        retention_takes_runs_that_ended_and_tasks_that_are_done,
    }
    effects {
        early_effect_is_recorded_once_per_tool_use,
        a_repeated_text_of_an_interrupted_attempt_is_the_same_effect,
        an_effect_said_again_is_found_when_its_call_is_repeated,
        a_repeated_text_within_one_attempt_is_said_again,
        attempts_are_told_apart_after_a_runner_death,
        an_early_key_cannot_stand_in_the_way_of_the_answer,
        a_late_effect_of_a_turn_committed_by_this_claim_is_recorded,
        a_late_effect_of_another_claim_is_refused,
        an_effect_needs_a_known_chat_and_a_known_turn,
    }
    failures {
        a_failed_attempt_waits_and_is_counted,
        a_lost_session_is_not_resumed_again,
        a_message_given_up_becomes_a_dead_letter_with_a_notice,
        messages_behind_a_dead_letter_are_served,
        runner_death_is_not_an_attempt,
        runner_deaths_are_forgotten_with_the_turn,
        an_interrupted_attempt_is_given_back,
        an_attempt_that_is_not_given_back_counts,
    }
    transcripts {
        lines_come_back_in_order_and_once,
        parts_of_a_session_are_kept_apart,
        what_is_not_known_is_none,
        a_prompt_and_its_lines_are_noted_together_under_the_fence,
    }
    outbox {
        outbox_order_per_chat_is_kept,
        what_did_not_arrive_is_counted_and_listed,
        one_chat_does_not_hold_up_another,
        only_the_account_of_a_chat_sends_for_it,
        an_attempt_is_charged_once,
        a_stale_attempt_cannot_finish,
        the_end_of_a_delivery_names_the_row_behind_it,
        finishing_in_doubt_may_be_repeated,
        what_is_uncertain_or_dead_does_not_hold_up_its_chat,
        a_retry_waits_and_keeps_its_place,
        interrupted_deliveries_are_found,
        deliveries_are_polled_in_order,
        a_notice_is_said_once_per_key,
        a_chat_is_at_rest_once_all_is_answered_and_delivered,
        a_long_text_is_sent_in_parts_before_the_next_one,
        receipts_come_in_any_order_and_settle_what_was_in_doubt,
        a_message_that_failed_after_it_was_accepted_is_dead,
        a_part_that_failed_leaves_the_rest_in_doubt,
    }
    upkeep {
        retention_keeps_what_is_needed,
        retention_takes_what_is_old_in_bounded_steps,
        numbers_of_rows_are_counted,
        a_sound_store_can_commit,
        retention_takes_runners_that_are_gone,
        retention_takes_letters_of_the_log,
    }
}

#[cfg(test)]
mod tests {
    use super::NAMES;

    #[test]
    fn no_case_is_left_out_of_the_suite() {
        let files = [
            include_str!("claims.rs"),
            include_str!("effects.rs"),
            include_str!("failures.rs"),
            include_str!("inbox.rs"),
            include_str!("indexing.rs"),
            include_str!("leases.rs"),
            include_str!("outbox.rs"),
            include_str!("registration.rs"),
            include_str!("runners.rs"),
            include_str!("snapshots.rs"),
            include_str!("tasks.rs"),
            include_str!("transcripts.rs"),
            include_str!("turns.rs"),
            include_str!("upkeep.rs"),
        ];
        let written = files.iter().flat_map(|file| file.split("\npub async fn ").skip(1));
        for case in written.map(|rest| rest.split('(').next().unwrap()) {
            assert!(NAMES.contains(&case), "{case} is not in the list of cases");
        }
    }
}
