"""Ask whether two photos show the same person: python examples/verify_photos.py a.jpg b.jpg"""

import sys

import mien


def main(a: str, b: str) -> None:
    # Of 10,000 pairs of strangers, one may be taken for the same person.
    answer = mien.verify(a, b, fmr=1e-4)
    if answer.error is not None:
        print(f"cannot say: {answer.error}")
    else:
        print("same person" if answer.same else "not the same person")
        print(f"similarity {answer.similarity:.3f}, needed {answer.threshold:.3f}")
        print(f"of pairs of strangers, {answer.fmr:.2g} are at least this alike")


if __name__ == "__main__":
    main(*sys.argv[1:3])
