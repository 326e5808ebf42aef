"""Перевіряє комплект матеріалів дзвінка: python3 check_bundle.py (у теці, куди розпаковано всі файли).

Не потребує нічого, крім Python 3.8 або новішого. Код завершення 0: усе так, як було видано.
"""

import hashlib
import json
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent


def digest(path: Path) -> str:
    made = hashlib.sha256()
    with path.open("rb") as file:
        for chunk in iter(lambda: file.read(1 << 20), b""):
            made.update(chunk)
    return made.hexdigest()


def files() -> "list[str]":
    """Що не так із файлами."""
    wrong = []
    for line in (HERE / "SHA256SUMS").read_text("utf-8").splitlines():
        noted, name = line.split("  ", 1)
        path = HERE / name
        if not path.is_file():
            wrong.append(f"{name}: файлу немає")
        elif digest(path) != noted:
            wrong.append(f"{name}: файл змінено")
    manifest = json.loads((HERE / "MANIFEST.json").read_text("utf-8"))
    sealed = manifest["recording"].get("sha256")
    sound = HERE / "recording.wav"
    if sound.is_file() and digest(sound) != sealed:
        wrong.append("recording.wav: не той запис, який було запечатано після дзвінка")
    return wrong


def trail() -> "list[str]":
    """Що не так із записами журналу аудиту: хеш кожного рядка береться з хешу попереднього та самого рядка."""
    wrong = []
    told = json.loads((HERE / "trail.json").read_text("utf-8"))
    for row in told["rows"]:
        fields = {name: row[name] for name in ("n", "at", "who", "what", "of", "reason", "details")}
        text = json.dumps(fields, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
        if hashlib.sha256(f"{row['before']}\n{text}".encode()).hexdigest() != row["hash"]:
            wrong.append(f"trail.json: рядок {row['n']} не відповідає своєму хешу")
    return wrong


if __name__ == "__main__":
    found = files() + trail()
    for each in found:
        print(each)  # noqa: T201
    print("Є розбіжності." if found else "Усе так, як було видано.")  # noqa: T201
    sys.exit(1 if found else 0)
