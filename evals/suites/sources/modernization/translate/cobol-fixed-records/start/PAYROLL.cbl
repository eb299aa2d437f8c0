       01  PAY-RECORD.
           05  PR-NUMBER       PIC 9(5).
           05  PR-NAME         PIC X(12).
           05  PR-KIND         PIC X.
               88  IS-HOURLY   VALUE "H".
               88  IS-SALARIED VALUE "S".
           05  PR-HOURS        PIC 9(3)V9.
           05  PR-WAGE         PIC S9(6)V99.
      * SIGN OF PR-WAGE IS IN THE LAST DIGIT:
      *   + 0..9 IS { A B C D E F G H I      - 0..9 IS } J K L M N O P Q R
      *   A PLAIN DIGIT IS POSITIVE AS WELL
       01  WS-EXTRA            PIC 9(3)V9.
       01  WS-PAY              PIC S9(7)V99.

       PAY-ONE.
           EVALUATE TRUE
               WHEN IS-HOURLY
                   IF PR-HOURS > 40
                       SUBTRACT 40 FROM PR-HOURS GIVING WS-EXTRA
                       COMPUTE WS-PAY = PR-WAGE * 40
                                      + PR-WAGE * WS-EXTRA * 1.5
                   ELSE
                       COMPUTE WS-PAY = PR-WAGE * PR-HOURS
                   END-IF
               WHEN IS-SALARIED
                   COMPUTE WS-PAY = PR-WAGE / 12
               WHEN OTHER
                   MOVE PR-WAGE TO WS-PAY
           END-EVALUATE.
