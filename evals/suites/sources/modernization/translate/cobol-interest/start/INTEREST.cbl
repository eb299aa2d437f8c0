       IDENTIFICATION DIVISION.
       PROGRAM-ID. INTEREST.
       DATA DIVISION.
       WORKING-STORAGE SECTION.
       01  WS-BALANCE          PIC S9(7)V99.
       01  WS-RATE             PIC 9(2)V9(3).
       01  WS-DAYS             PIC 9(3).
       01  WS-DAILY            PIC S9(5)V9(4).
       01  WS-INTEREST         PIC S9(5)V99.
       01  WS-NEW-BALANCE      PIC S9(7)V99.
       01  WS-BAND             PIC X(6).
       PROCEDURE DIVISION.
       CALC-INTEREST.
      *    WS-BALANCE, WS-RATE AND WS-DAYS ARE MOVED IN BY THE CALLER
           COMPUTE WS-DAILY = WS-BALANCE * WS-RATE / 36500
           COMPUTE WS-INTEREST ROUNDED = WS-DAILY * WS-DAYS
               ON SIZE ERROR PERFORM RAISE-OVERFLOW
           END-COMPUTE
           COMPUTE WS-NEW-BALANCE = WS-BALANCE + WS-INTEREST
               ON SIZE ERROR PERFORM RAISE-OVERFLOW
           END-COMPUTE
           EVALUATE TRUE
               WHEN WS-NEW-BALANCE < ZERO
                   MOVE "DEBT" TO WS-BAND
               WHEN WS-NEW-BALANCE <= 1000
                   MOVE "SMALL" TO WS-BAND
               WHEN WS-INTEREST > 99.99
                   MOVE "TAXABLE" TO WS-BAND
               WHEN OTHER
                   MOVE "NORMAL" TO WS-BAND
           END-EVALUATE.
