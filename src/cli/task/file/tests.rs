use super::*;

const GOOD: &str = "
tasks:
  - name: standup
    group: team
    schedule: 0 9 * * 1-5
    timezone: Europe/Berlin
    prompt: Ask everybody.
    misfire: skip
    max_lateness: 10m
    overlap: skip
    pause_after: 3
  - name: water
    group: home
    schedule: every 2 days
    context: isolated
    paused: true
    check: |
      test -s dry || echo '{\"wake\": false}'
    prompt: |
      Water the plants.
      All of them.
";

fn read(text: &str) -> (Vec<Entry>, Vec<String>) {
    parse(Path::new("tasks.yml"), text)
        .into_iter()
        .fold((Vec::new(), Vec::new()), |(mut good, mut bad), one| {
            match one {
                Ok(entry) => good.push(entry),
                Err(problem) => bad.push(problem),
            }
            (good, bad)
        })
}

fn problem(change: (&str, &str)) -> String {
    assert!(GOOD.contains(change.0), "{}", change.0);
    let (_, problems) = read(&GOOD.replace(change.0, change.1));
    problems
        .first()
        .cloned()
        .unwrap_or_else(|| panic!("{change:?} must be a problem"))
}

#[test]
fn a_file_declares_tasks_with_everything_there_is_to_say() {
    let (entries, problems) = read(GOOD);
    assert_eq!(problems, [""; 0]);
    let (standup, water) = (&entries[0].task, &entries[1].task);
    assert_eq!(standup.fields.schedule_value.as_deref(), Some("0 9 * * 1-5"));
    assert_eq!(standup.fields.max_lateness_ms, Some(600_000));
    assert_eq!(standup.fields.misfire, Some(Misfire::Skip));
    assert_eq!(water.fields.schedule_type.as_deref(), Some("interval"));
    assert_eq!(
        (water.paused, water.fields.context_mode),
        (Some(true), Some(ContextMode::Isolated))
    );
    assert!(water.fields.prompt.as_deref().unwrap().contains("All of them."));
}

#[test]
fn what_is_wrong_is_named_with_file_entry_field_and_value() {
    for (change, says) in [
        (
            ("0 9 * * 1-5", "0 25 * * *"),
            ["task 1 (standup)", "schedule: ", "\"0 25 * * *\""],
        ),
        (
            ("every 2 days", "every now and then"),
            ["task 2 (water)", "schedule: ", "every 15m"],
        ),
        (
            ("every 2 days", "every 5ms"),
            ["task 2 (water)", "schedule: ", "shorter than"],
        ),
        (
            ("10m", "a while"),
            ["task 1 (standup)", "max_lateness: ", "\"a while\""],
        ),
        (
            ("name: standup", "name: stand up"),
            ["task 1 (stand up)", "name: ", "\"stand up\""],
        ),
        (
            ("group: home", "group: ../etc"),
            ["task 2 (water)", "group: ", "\"../etc\""],
        ),
    ] {
        let text = problem(change);
        assert!(text.starts_with("tasks.yml: "), "{text}");
        for part in says {
            assert!(text.contains(part), "{text} must say {part}");
        }
    }
}

#[test]
fn a_field_that_is_misspelt_missing_or_of_another_kind_is_named_with_its_line() {
    for (change, says) in [
        (("misfire: skip", "missfire: skip"), "missfire"),
        (("    prompt: Ask everybody.\n", ""), "prompt"),
        (("pause_after: 3", "pause_after: soon"), "line 11"),
        (("misfire: skip", "misfire: never"), "never"),
    ] {
        let text = problem(change);
        assert!(
            text.starts_with("tasks.yml: ") && text.contains(says),
            "{text} must say {says}"
        );
    }
}

#[test]
fn a_schedule_that_yaml_takes_for_something_else_is_said_to_need_quotes() {
    for bare in ["*/5 * * * *", "@daily"] {
        let text = problem(("0 9 * * 1-5", bare));
        assert!(text.contains("quotes"), "{text}");
        let quoted = GOOD.replace("0 9 * * 1-5", &format!("{bare:?}"));
        assert_eq!(read(&quoted).1, [""; 0]);
    }
}

#[test]
fn a_file_that_is_no_yaml_or_not_there_is_said_to_be_so() {
    assert!(read("tasks: [").1[0].starts_with("tasks.yml: "));
    let (_, problems) = read_all(&[PathBuf::from("/no/such/tasks.yml")]);
    assert!(problems[0].contains("/no/such/tasks.yml"), "{problems:?}");
}
