//! scratch
use engine::{Docker, Inspect};
use std::path::Path;
#[tokio::main]
async fn main() {
    let args: Vec<String> = std::env::args().collect();
    let root = Path::new(&args[1]);
    let t = tokio::time::Instant::now();
    let say = move |line: String| eprintln!("[{:6.1}] {line}", t.elapsed().as_secs_f64());
    let logs = Path::new("/tmp/gd/stage-logs");
    let run = args.get(3).cloned().unwrap_or("try1".into());
    match args[2].as_str() {
        "doctor" => {
            for c in stage::doctor(root, run == "fix", &say).await {
                println!("{c:?}")
            }
        }
        "prepare" => println!(
            "{:?}",
            stage::prepare(root, run == "fix", &say)
                .await
                .map_err(|e| e.to_string())
        ),
        "images" => {
            let d = Docker::connect().await.unwrap();
            match stage::images::ensure(&d, root, logs, &say).await {
                Ok(i) => println!("{i:#?}"),
                Err(e) => println!("{:?} {e}", e.kind()),
            }
        }
        "up" => {
            let d = Docker::connect().await.unwrap();
            let images = stage::images::ensure(&d, root, logs, &say).await.unwrap();
            let request = stage::RaiseRequest {
                compose_dir: root.join("compose"),
                topology: args[4].clone(),
                run,
                logs: logs.into(),
                images,
            };
            match stage::raise(&request, &d, &say).await {
                Ok(r) => println!("{r:#?}"),
                Err(e) => println!("{:?} {e}", e.kind()),
            }
            say("raised".into());
        }
        "down" => {
            let d = Docker::connect().await.unwrap();
            let project = format!("gameday-{run}");
            let m = d.members(&project).await.unwrap();
            stage::save_logs(&d, &m, &logs.join("services")).await;
            say(format!("{} logs", m.len()));
            println!("{:?}", stage::lower(&d, &project).await);
            say("lowered".into());
        }
        _ => {}
    }
}
