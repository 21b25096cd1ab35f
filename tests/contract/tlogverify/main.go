// Command tlogverify checks a C2SP tlog-tiles folder with Go's own transparency-log packages.
//
// It shares nothing with Staithe but the specifications: the signature is checked by sumdb/note, the tree and
// every tile by sumdb/tlog. Usage: tlogverify -folder LOG -vkey FILE [-old CHECKPOINT]
package main

import (
	"bytes"
	"encoding/binary"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

const tileHeight = 8

// hashes is the stored-hash sequence of sumdb/tlog, computed from the entries.
type hashes []tlog.Hash

func (h hashes) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	found := make([]tlog.Hash, 0, len(indexes))
	for _, index := range indexes {
		if index >= int64(len(h)) {
			return nil, fmt.Errorf("hash %d is not stored", index)
		}
		found = append(found, h[index])
	}
	return found, nil
}

func main() {
	folder := flag.String("folder", "", "the log's folder")
	vkeyFile := flag.String("vkey", "", "the file with its verifier key")
	oldFile := flag.String("old", "", "a checkpoint kept from earlier")
	flag.Parse()
	if err := run(*folder, *vkeyFile, *oldFile); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(folder, vkeyFile, oldFile string) error {
	vkey, err := os.ReadFile(vkeyFile)
	if err != nil {
		return err
	}
	verifier, err := note.NewVerifier(strings.TrimSpace(string(vkey)))
	if err != nil {
		return err
	}
	head, err := openCheckpoint(filepath.Join(folder, "checkpoint"), verifier)
	if err != nil {
		return err
	}
	stored, err := hashEntries(folder, head.N)
	if err != nil {
		return err
	}
	root, err := tlog.TreeHash(head.N, stored)
	if err != nil {
		return err
	}
	if root != head.Hash {
		return fmt.Errorf("checkpoint: root %v, entries give %v", head.Hash, root)
	}
	if err := checkTiles(folder, head.N, stored); err != nil {
		return err
	}
	if oldFile != "" {
		if err := checkExtension(oldFile, verifier, head, stored); err != nil {
			return err
		}
	}
	fmt.Printf("ok %d %v\n", head.N, root)
	return nil
}

func openCheckpoint(path string, verifier note.Verifier) (tlog.Tree, error) {
	signed, err := os.ReadFile(path)
	if err != nil {
		return tlog.Tree{}, err
	}
	opened, err := note.Open(signed, note.VerifierList(verifier))
	if err != nil {
		return tlog.Tree{}, err
	}
	lines := strings.Split(opened.Text, "\n")
	if len(lines) != 4 || lines[0] != verifier.Name() {
		return tlog.Tree{}, fmt.Errorf("%s: not a checkpoint of %s", path, verifier.Name())
	}
	size, err := strconv.ParseInt(lines[1], 10, 64)
	if err != nil || size < 0 {
		return tlog.Tree{}, fmt.Errorf("%s: malformed size", path)
	}
	root, err := tlog.ParseHash(lines[2])
	return tlog.Tree{N: size, Hash: root}, err
}

// hashEntries reads every entry bundle and returns the stored hashes of the tree.
func hashEntries(folder string, size int64) (hashes, error) {
	var stored hashes
	for first := int64(0); first < size; first += 256 {
		width := min(size-first, 256)
		path := tilePath(tlog.Tile{H: tileHeight, L: -1, N: first / 256, W: int(width)})
		bundle, err := os.ReadFile(filepath.Join(folder, path))
		if err != nil {
			return nil, err
		}
		for i := int64(0); i < width; i++ {
			if len(bundle) < 2 || len(bundle) < 2+int(binary.BigEndian.Uint16(bundle)) {
				return nil, fmt.Errorf("%s: ends before entry %d", path, first+i)
			}
			end := 2 + int(binary.BigEndian.Uint16(bundle))
			added, err := tlog.StoredHashes(first+i, bundle[2:end], stored)
			if err != nil {
				return nil, err
			}
			stored, bundle = append(stored, added...), bundle[end:]
		}
		if len(bundle) != 0 {
			return nil, fmt.Errorf("%s: holds more than %d entries", path, width)
		}
	}
	return stored, nil
}

// checkTiles compares every tile that a tree of this size needs with the one on disk.
func checkTiles(folder string, size int64, stored hashes) error {
	for _, tile := range tlog.NewTiles(tileHeight, 0, size) {
		expected, err := tlog.ReadTileData(tile, stored)
		if err != nil {
			return err
		}
		path := tilePath(tile)
		found, err := os.ReadFile(filepath.Join(folder, path))
		if err != nil {
			return err
		}
		if !bytes.Equal(found, expected) {
			return fmt.Errorf("%s: wrong hashes", path)
		}
	}
	return nil
}

func checkExtension(oldFile string, verifier note.Verifier, head tlog.Tree, stored hashes) error {
	old, err := openCheckpoint(oldFile, verifier)
	if err != nil {
		return err
	}
	proof, err := tlog.ProveTree(head.N, old.N, stored)
	if err != nil {
		return fmt.Errorf("checkpoint: does not extend the old one: %w", err)
	}
	return tlog.CheckTree(proof, head.N, head.Hash, old.N, old.Hash)
}

// tilePath drops the height from Go's path, "tile/8/…", which C2SP fixes at 8; Go calls the entries "data".
func tilePath(tile tlog.Tile) string {
	path := strings.TrimPrefix(tile.Path(), "tile/8/")
	return "tile/" + strings.Replace(path, "data/", "entries/", 1)
}
