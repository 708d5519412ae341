"""Writes the figures of a run as Markdown."""


def interval(bounds: list[float] | tuple[float, float]) -> str:
    return f"{bounds[0]:+.3f} to {bounds[1]:+.3f}"


def reranker_table(measured: dict) -> list[str]:
    lines = [
        "| set | queries | nDCG@10 first stage | reranked | difference, 95 % interval | MRR@10 first stage | reranked |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, row in measured.items():
        before, after = row["first stage"], row["reranked"]
        lines.append(
            f"| {name} | {row['queries']} | {before['nDCG@10']:.3f} | {after['nDCG@10']:.3f} "
            f"| {interval(row['nDCG@10 difference, 95 % interval'])} | {before['MRR@10']:.3f} | {after['MRR@10']:.3f} |"
        )
    return lines


def combined_lines(measured: dict) -> list[str]:
    return [f"Weight, fitted on dev: {measured['weight']:.3f}.", "", *reranker_table(measured["sets"])]


def embedder_lines(measured: dict) -> list[str]:
    dev = measured["dev"]
    lines = [
        f"Development split, {dev['queries']} queries over {dev['passages']} passages: MRR@10 {dev['MRR@10']:.3f}, "
        f"recall@10 {dev['recall@10']:.3f}, recall@100 {dev['recall@100']:.3f}.",
    ]
    if "scifact" in measured:
        scifact = measured["scifact"]
        scores = ", ".join(f"{name} {score:.3f}" for name, score in scifact["nDCG@10"].items())
        bounds = interval(scifact["fused minus BM25, 95 % interval"])
        lines += ["", f"SciFact nDCG@10: {scores} (fused minus BM25, 95 % interval: {bounds})."]
    return lines


def file_table(files: dict) -> list[str]:
    lines = ["| file | bytes | sha256 |", "|---|---|---|"]
    for folder, facts in files.items():
        lines += [f"| {folder}/{name} | {fact['bytes']:,} | `{fact['sha256']}` |" for name, fact in facts.items()]
    return lines


def settings_lines(settings: dict) -> list[str]:
    lines = []
    for model in ("shape", "reranker", "embedder"):
        lines += [f"- {model} `{name}`: {value}" for name, value in settings[model].items()]
    return lines


def render_report(results: dict) -> str:
    seconds = [f"| {stage} | {value} |" for stage, value in results["seconds"].items()]
    sections = {
        "Reranker": reranker_table(results["reranker"]),
        "Reranker with the first stage's order": combined_lines(results["reranker with first stage"]),
        "Static embedder": embedder_lines(results["embedder"]),
        "Seconds": ["| stage | seconds |", "|---|---|", *seconds],
        "Settings": settings_lines(results["settings"]),
        "Files": file_table(results["files"]),
    }
    body = "\n\n".join(f"## {title}\n\n" + "\n".join(lines) for title, lines in sections.items())
    return f"# Figures of the run that made the shipped files\n\n{body}\n"
