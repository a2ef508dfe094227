// A client of the OpenUsage daemon from spec/jsonrpc.md alone; Go's standard library only.
//
// usage: go run client.go METHOD [PARAMS-JSON]
package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"time"
)

const maxLineBytes = 8 << 20

type request struct {
	JSONRPC string          `json:"jsonrpc"`
	ID      int             `json:"id"`
	Method  string          `json:"method"`
	Params  json.RawMessage `json:"params"`
}

type response struct {
	ID     *int            `json:"id"`
	Result json.RawMessage `json:"result"`
	Error  *struct {
		Code    int    `json:"code"`
		Message string `json:"message"`
	} `json:"error"`
}

func socketPath() string {
	if path := os.Getenv("OPENUSAGE_TELEMETRY_SOCKET"); path != "" {
		return path
	}
	state := os.Getenv("XDG_STATE_HOME")
	if !filepath.IsAbs(state) {
		state = filepath.Join(os.Getenv("HOME"), ".local", "state")
	}
	path := filepath.Join(state, "openusage", "telemetry.sock")
	if runtime := os.Getenv("XDG_RUNTIME_DIR"); len(path) > 103 && filepath.IsAbs(runtime) {
		return filepath.Join(runtime, "openusage.sock")
	}
	return path
}

func call(method string, params string) (string, error) {
	connection, err := net.DialTimeout("unix", socketPath(), time.Second)
	if err != nil {
		return "", err
	}
	defer connection.Close()
	if err := connection.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		return "", err
	}
	line, err := json.Marshal(request{"2.0", 1, method, json.RawMessage(params)})
	if err != nil {
		return "", err
	}
	if _, err := connection.Write(append(line, '\n')); err != nil {
		return "", err
	}
	lines := bufio.NewScanner(connection)
	lines.Buffer(make([]byte, 0, 64<<10), maxLineBytes+1)
	if !lines.Scan() {
		return "", errors.Join(errors.New("the daemon hung up"), lines.Err())
	}
	return lines.Text(), nil
}

func run() error {
	params := "{}"
	if len(os.Args) > 2 {
		params = os.Args[2]
	}
	line, err := call(os.Args[1], params)
	if err != nil {
		return err
	}
	fmt.Println(line)
	var answer response
	if err := json.Unmarshal([]byte(line), &answer); err != nil {
		return err
	}
	if answer.Error != nil {
		return fmt.Errorf("%s (%d)", answer.Error.Message, answer.Error.Code)
	}
	return nil
}

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "client:", err)
		os.Exit(1)
	}
}
